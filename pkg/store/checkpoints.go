package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"dreamchat/migrations"
	"dreamchat/pkg/chat"
)

// Checkpoint saves what running answers hold so far and returns the ids of
// those that are not streaming in their attempt any more.
func (s *Store) Checkpoint(ctx context.Context, answers []chat.Message, now time.Time) (lost []string, err error) {
	if len(answers) == 0 {
		return nil, nil
	}
	tx := s.write.WithContext(ctx)
	if s.dialect == migrations.Postgres {
		lost, err = checkpointAtOnce(tx, answers, stamp(now))
	} else {
		err = tx.Transaction(func(tx *gorm.DB) (err error) {
			lost, err = checkpointEach(tx, answers, stamp(now))
			return err
		})
	}
	return lost, failure(ctx, err, "answer")
}

// checkpointAtOnce sends the answers as one array per column, so that the text
// of the statement, and with it the prepared statement, is always the same.
func checkpointAtOnce(tx *gorm.DB, answers []chat.Message, now time.Time) ([]string, error) {
	n := len(answers)
	ids, attempts := make([]string, n), make([]int, n)
	contents, reasonings := make([]string, n), make([]string, n)
	marks, events, generations := make([][]byte, n), make([]int, n), make([]string, n)
	models, metadata := make([]string, n), make([]*string, n)
	prompts, estimated := make([]int, n), make([]bool, n)
	missing := make(map[string]bool, n)
	for i, a := range answers {
		ids[i], attempts[i] = a.ID, a.Attempt
		contents[i], reasonings[i] = a.Content, a.Reasoning
		marks[i], events[i], generations[i] = a.Marks, a.LastEventSeq, a.GenerationID
		models[i] = a.ModelID
		prompts[i], estimated[i] = a.PromptTokens, a.Estimated
		if text, err := a.Metadata.Value(); err != nil {
			return nil, err
		} else if text, ok := text.(string); ok {
			metadata[i] = &text
		}
		missing[a.ID] = true
	}
	// GORM would spread the arrays, so they go to its connection directly.
	rows, err := tx.Statement.ConnPool.QueryContext(tx.Statement.Context, `
		UPDATE messages AS stored
		SET content = now.content, reasoning = now.reasoning, marks = now.marks,
			last_event_seq = now.events, generation_id = now.generation,
			model_id = now.model, metadata = now.metadata::jsonb,
			prompt_tokens = now.prompt, estimated = now.estimated, updated_at = $12
		FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bytea[], $6::int[], $7::text[], $8::text[], $9::text[],
			$10::int[], $11::boolean[])
			AS now (id, attempt, content, reasoning, marks, events, generation, model, metadata, prompt, estimated)
		WHERE stored.id = now.id AND stored.attempt = now.attempt AND stored.status = 'streaming'
		RETURNING stored.id`,
		ids, attempts, contents, reasonings, marks, events, generations, models, metadata, prompts, estimated, now)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		delete(missing, id)
	}
	return inOrder(ids, missing), rows.Err()
}

func inOrder(ids []string, missing map[string]bool) []string {
	var lost []string
	for _, id := range ids {
		if missing[id] {
			lost = append(lost, id)
		}
	}
	return lost
}

func checkpointEach(tx *gorm.DB, answers []chat.Message, now time.Time) ([]string, error) {
	var lost []string
	for _, a := range answers {
		a.UpdatedAt = now
		done := tx.Model(&messageRow{}).
			Select("content", "reasoning", "marks", "last_event_seq", "generation_id", "model_id", "metadata",
				"prompt_tokens", "estimated", "updated_at").
			Where("id = ? AND attempt = ? AND status = 'streaming'", a.ID, a.Attempt).
			UpdateColumns(messageRow(a))
		if done.Error != nil {
			return nil, done.Error
		}
		if done.RowsAffected == 0 {
			lost = append(lost, a.ID)
		}
	}
	return lost, nil
}
