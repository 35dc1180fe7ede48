package store

import (
	"context"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
)

// historyOf selects what models are shown: what stands, has a text and is not
// being made.
const historyOf = ` FROM messages
	WHERE conversation_id = @conversation AND seq < @before AND id <> @without
	AND superseded_by = '' AND content <> '' AND status <> 'streaming' `

// historySQL adds sizes up from the newest message on. It reads no text to do so,
// nor any that is not returned.
const historySQL = `SELECT id, seq, role, content, model_id, total,
		CASE WHEN model_id = @model AND details <= @details THEN reasoning_details END AS reasoning_details
	FROM (SELECT recent.*,
			SUM(size) OVER newest - size AS newer,
			SUM(CASE WHEN model_id = @model THEN detail_size ELSE 0 END) OVER newest AS details,
			COUNT(*) OVER () AS total
		FROM (SELECT id, seq, role, content, model_id, reasoning_details,
				octet_length(content) AS size, COALESCE(octet_length(reasoning_details), 0) AS detail_size` +
	historyOf + `ORDER BY seq DESC LIMIT @limit + 1) AS recent
		WINDOW newest AS (ORDER BY seq DESC)) AS sized
	WHERE newer < @bytes
	ORDER BY seq`

// historyRow is a message of a history, with the number of all that there are, as
// far as they were counted.
type historyRow struct {
	ID               string
	Seq              int64
	Role             chat.Role
	Content          string
	ModelID          string
	ReasoningDetails *string
	Total            int
}

// History returns the newest messages that the query bounds, oldest first, and
// how many stand before them. Those are counted only if there are many.
func (s *Store) History(ctx context.Context, query chat.HistoryQuery) (chat.History, error) {
	tx := s.read.WithContext(ctx)
	var rows []historyRow
	err := tx.Raw(historySQL, map[string]any{
		"conversation": query.ConversationID, "before": query.Before, "without": query.Without,
		"limit": query.Messages, "bytes": query.Bytes, "model": query.ModelID, "details": query.DetailBytes,
	}).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return chat.History{}, failure(ctx, err, "conversation")
	}
	total := rows[0].Total
	if total > query.Messages {
		total, err = countHistory(tx, query)
		rows = rows[max(len(rows)-query.Messages, 0):]
	}
	history := chat.History{Messages: make([]chat.Message, len(rows)), Older: max(total-len(rows), 0)}
	for i, row := range rows {
		history.Messages[i] = chat.Message{
			ID: row.ID, Seq: row.Seq, Role: row.Role, Content: row.Content,
			ModelID: row.ModelID, ReasoningDetails: row.ReasoningDetails,
		}
	}
	return history, failure(ctx, err, "conversation")
}

func countHistory(tx *gorm.DB, query chat.HistoryQuery) (n int, err error) {
	err = tx.Raw(`SELECT COUNT(*)`+historyOf, map[string]any{
		"conversation": query.ConversationID, "before": query.Before, "without": query.Without,
	}).Scan(&n).Error
	return n, err
}
