package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// Asked returns the question that a name stands for in a conversation of the
// user, with its newest answer; see [chat.MessageStore].
func (s *Store) Asked(ctx context.Context, userID, conversationID, name string) (chat.Asked, error) {
	tx := s.read.WithContext(ctx)
	if _, err := conversation(tx, userID, conversationID); err != nil {
		return chat.Asked{}, failure(ctx, err, "conversation")
	}
	question, err := questionNamed(tx, conversationID, name)
	if err != nil {
		return chat.Asked{}, failure(ctx, err, "message")
	}
	if question.SupersededBy != "" {
		return chat.Asked{}, problem.Conflict.New("This question was replaced before.").With("supersededBy", question.SupersededBy)
	}
	asked, err := withAnswer(tx, question)
	return asked, failure(ctx, err, "message")
}

// questionNamed looks for the client's id first: a question that takes the place
// of another may keep that one's id as the client's.
func questionNamed(tx *gorm.DB, conversationID, name string) (chat.Message, error) {
	var found messageRow
	err := tx.Omit(largeColumn).Where("conversation_id = ? AND client_id = ? AND client_id <> ''", conversationID, name).
		Order("seq DESC").Take(&found).Error
	if !errors.Is(err, gorm.ErrRecordNotFound) {
		return chat.Message(found), err
	}
	err = tx.Omit(largeColumn).Where("id = ? AND conversation_id = ?", name, conversationID).Take(&found).Error
	if err != nil || found.Role == chat.RoleUser {
		return chat.Message(found), err
	}
	return question(tx, chat.Message(found))
}

// withAnswer finds what stands behind a question: its newest answer, if there is
// one, and whether there are further questions.
func withAnswer(tx *gorm.DB, question chat.Message) (chat.Asked, error) {
	asked := chat.Asked{Question: question}
	behind := tx.Where("conversation_id = ? AND seq > ? AND superseded_by = ''", question.ConversationID, question.Seq).
		Session(&gorm.Session{})
	var answers []messageRow
	err := behind.Omit(largeColumn).Where("question_id = ?", question.ID).Order("seq DESC").Limit(1).Find(&answers).Error
	if err != nil {
		return asked, err
	}
	if len(answers) > 0 {
		asked.Answer = chat.Message(answers[0])
	}
	var further []int64
	err = behind.Model(&messageRow{}).Where("role = 'user'").Limit(1).Pluck("seq", &further).Error
	asked.Last = len(further) == 0
	return asked, err
}
