package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/migrations"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// forkBatch bounds the messages that one statement copies.
const forkBatch = 500

// ForkConversation copies a conversation up to a message; see [chat.Fork].
func (s *Store) ForkConversation(ctx context.Context, fork chat.Fork) (chat.Conversation, error) {
	var made chat.Conversation
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		made, err = s.fork(tx, fork)
		return err
	})
	if err != nil {
		return chat.Conversation{}, failure(ctx, err, "conversation")
	}
	return made, nil
}

// fork first holds the conversation, so that nothing is begun, superseded or
// finished in it between two of the statements that follow.
func (s *Store) fork(tx *gorm.DB, fork chat.Fork) (chat.Conversation, error) {
	source, err := conversation(tx.Clauses(clause.Locking{Strength: "SHARE"}), fork.UserID, fork.ConversationID)
	if err != nil {
		return source, err
	}
	last, err := lastToCopy(tx, fork)
	if err != nil {
		return source, err
	}
	copies, err := copiesUpTo(tx, fork.ConversationID, last.Seq)
	if err != nil {
		return source, err
	}
	made := chat.Conversation{
		ID:           fork.ID,
		UserID:       fork.UserID,
		Title:        source.Title,
		ModelID:      source.ModelID,
		MessageCount: len(copies),
		LastSeq:      int64(len(copies)),
		CreatedAt:    stamp(fork.At),
		UpdatedAt:    stamp(fork.At),
	}
	if err := tx.Create(&conversationRow{Conversation: made, TitleLower: lower(made.Title)}).Error; err != nil {
		return made, err
	}
	for batch := range slices.Chunk(copies, forkBatch) {
		if err := s.copyMessages(tx, made.ID, batch); err != nil {
			return made, err
		}
	}
	return made, recordNew(tx, made.UserID, made.Created())
}

// lastToCopy is a message that stands in the conversation and is no longer being
// made. An answer that is being made is always the last, so none lies before it.
func lastToCopy(tx *gorm.DB, fork chat.Fork) (messageRow, error) {
	var last messageRow
	err := tx.Select("seq", "status", "superseded_by").
		Where("id = ? AND conversation_id = ?", fork.MessageID, fork.ConversationID).Take(&last).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return last, problem.NotFound.New("There is no such message in this conversation.")
	case err != nil:
		return last, err
	case last.Status == chat.StatusStreaming:
		return last, problem.GenerationRunning.New("This answer is still being made.").With("messageId", fork.MessageID)
	case last.SupersededBy != "":
		return last, problem.Conflict.New("This message is superseded. Fork at one that stands.").
			With("supersededBy", last.SupersededBy)
	}
	return last, nil
}

// messageCopy tells what is new in the copy of a message.
type messageCopy struct {
	Original   string `json:"original"`
	ID         string `json:"id"`
	Seq        int64  `json:"seq"`
	QuestionID string `json:"question_id"`
}

// copiesUpTo plans the copies of what stands up to a position.
func copiesUpTo(tx *gorm.DB, conversationID string, seq int64) ([]messageCopy, error) {
	var originals []messageRow
	err := tx.Select("id", "question_id").
		Where("conversation_id = ? AND seq <= ? AND superseded_by = ''", conversationID, seq).
		Order("seq").Limit(chat.ForkLimit + 1).Find(&originals).Error
	if err != nil {
		return nil, err
	}
	if len(originals) > chat.ForkLimit {
		return nil, problem.Conflict.New(fmt.Sprintf(
			"There are more than %d messages up to this one, too many for a fork.", chat.ForkLimit)).
			With("limit", chat.ForkLimit)
	}
	copies := make([]messageCopy, len(originals))
	named := make(map[string]string, len(originals))
	for i, original := range originals {
		// A question stands before its answers, so it is named by now.
		copies[i] = messageCopy{
			Original: original.ID, ID: id.New(), Seq: int64(i + 1), QuestionID: named[original.QuestionID],
		}
		named[original.ID] = copies[i].ID
	}
	return copies, nil
}

// copyMessages copies within the database, so that the texts, which have no
// bound together, never pass through here.
func (s *Store) copyMessages(tx *gorm.DB, conversationID string, copies []messageCopy) error {
	plan, err := json.Marshal(copies)
	if err != nil {
		return err
	}
	metadata, planned := s.copySQL()
	return tx.Exec(`INSERT INTO messages (
			id, conversation_id, seq, question_id, metadata,
			role, content, reasoning, status, model_id, finish_reason, error,
			attempt, last_event_seq, marks, reasoning_details, created_at, updated_at,
			prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost, estimated,
			generation_id, replaces, superseded_by, owner, idempotency_key, request_hash)
		SELECT copies.id, ?, copies.seq, copies.question_id, `+metadata+`,
			role, content, reasoning, status, model_id, finish_reason, error,
			attempt, last_event_seq, marks, reasoning_details, created_at, updated_at,
			0, 0, 0, 0, NULL, FALSE,
			'', '', '', '', '', ''
		FROM `+planned+` AS copies JOIN messages ON messages.id = copies.original`,
		conversationID, string(plan)).Error
}

// copySQL is the metadata of a copy, and the plan as a table.
func (s *Store) copySQL() (metadata, planned string) {
	if s.dialect == migrations.Postgres {
		return `COALESCE(metadata, '{}') || jsonb_build_object('` + chat.CopiedFrom + `', messages.id)`,
			`(SELECT * FROM json_to_recordset(?::json) AS plan (original text, id text, seq bigint, question_id text))`
	}
	return `json_set(COALESCE(metadata, '{}'), '$.` + chat.CopiedFrom + `', messages.id)`,
		`(SELECT value ->> 'original' AS original, value ->> 'id' AS id, value ->> 'seq' AS seq,
			value ->> 'question_id' AS question_id FROM json_each(?))`
}
