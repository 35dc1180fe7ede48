package store

import (
	"cmp"
	"errors"
	"slices"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// replaceQuestion lets a new question take the place of the one that it replaces and
// of all that stands behind that, and returns what stands no more, without its
// text. The caller holds the conversation, so of two edits of one question the later meets what
// the earlier has done.
func replaceQuestion(tx *gorm.DB, b chat.Beginning) ([]chat.Message, error) {
	replaced, err := questionToReplace(tx, b)
	if err != nil {
		return nil, err
	}
	var superseded []messageRow
	err = tx.Raw(`UPDATE messages SET superseded_by = ?
		WHERE conversation_id = ? AND seq >= ? AND superseded_by = '' RETURNING `+toldColumns,
		b.Question.ID, b.ConversationID, replaced.Seq).Scan(&superseded).Error
	if err != nil {
		return nil, err
	}
	slices.SortFunc(superseded, func(a, b messageRow) int { return cmp.Compare(a.Seq, b.Seq) })
	err = tx.Exec("UPDATE conversations SET message_count = message_count - ? WHERE id = ?",
		len(superseded), b.ConversationID).Error
	return messagesOf(superseded), err
}

// questionToReplace is a question that stands in the conversation.
func questionToReplace(tx *gorm.DB, b chat.Beginning) (messageRow, error) {
	var found messageRow
	err := tx.Select("seq", "role", "superseded_by").
		Where("id = ? AND conversation_id = ?", b.Question.Replaces, b.ConversationID).Take(&found).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return found, problem.NotFound.New("There is no such message in this conversation.")
	case err != nil:
		return found, err
	case found.Role != chat.RoleUser:
		return found, problem.Conflict.New("Only a question can be replaced by another.")
	case found.SupersededBy != "":
		return found, problem.Conflict.New("This question was replaced before.").With("supersededBy", found.SupersededBy)
	}
	return found, nil
}
