package store

import (
	"errors"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// replaceQuestion lets a new question take the place of the one that it replaces and
// of all that stands behind that, and counts what stands no more. The caller
// holds the conversation, so of two edits of one question the later meets what
// the earlier has done.
func replaceQuestion(tx *gorm.DB, b chat.Beginning) (int, error) {
	replaced, err := questionToReplace(tx, b)
	if err != nil {
		return 0, err
	}
	done := tx.Model(&messageRow{}).
		Where("conversation_id = ? AND seq >= ? AND superseded_by = ''", b.ConversationID, replaced.Seq).
		UpdateColumn("superseded_by", b.Question.ID)
	if done.Error != nil {
		return 0, done.Error
	}
	superseded := int(done.RowsAffected)
	err = tx.Exec("UPDATE conversations SET message_count = message_count - ? WHERE id = ?",
		superseded, b.ConversationID).Error
	return superseded, err
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
