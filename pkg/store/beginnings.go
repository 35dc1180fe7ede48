package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// errReplayed rolls a beginning back whose request came before.
var errReplayed = errors.New("store: request was answered before")

// BeginAnswer gives question and answer their positions and stores both; see
// [chat.GenerationStore] for what may stand in the way, in which order.
func (s *Store) BeginAnswer(ctx context.Context, beginning chat.Beginning) (chat.Begun, error) {
	var begun chat.Begun
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		begun, err = s.beginAnswer(tx, beginning)
		return err
	})
	if errors.Is(err, errReplayed) {
		begun.Conversation, err = conversation(s.read.WithContext(ctx), beginning.UserID, beginning.ConversationID)
	}
	if err != nil {
		return chat.Begun{}, failure(ctx, err, "conversation")
	}
	return begun, nil
}

// Repeated looks for the answer to a request that came before.
func (s *Store) Repeated(ctx context.Context, userID, conversationID, key, hash string) (chat.Begun, error) {
	tx := s.read.WithContext(ctx)
	owned, err := conversation(tx, userID, conversationID)
	if err != nil {
		return chat.Begun{}, failure(ctx, err, "conversation")
	}
	begun, err := repeated(tx, chat.Beginning{
		ConversationID: conversationID,
		Answer:         chat.Message{IdempotencyKey: key, RequestHash: hash},
	})
	begun.Conversation = owned
	switch {
	case errors.Is(err, errReplayed):
		return begun, nil
	case err == nil:
		err = gorm.ErrRecordNotFound
	}
	return chat.Begun{}, failure(ctx, err, "earlier request")
}

// beginAnswer first updates the conversation: the lock on its row makes
// beginnings take turns, so whatever is read afterwards stays true.
func (s *Store) beginAnswer(tx *gorm.DB, b chat.Beginning) (chat.Begun, error) {
	rows := rowsOf(b)
	conversation, err := advance(tx, b, len(rows))
	if err != nil {
		return chat.Begun{}, err
	}
	newest := conversation.LastSeq - int64(len(rows))
	isStale := b.LastSeq != nil && *b.LastSeq < newest
	if isStale || replaces(b) {
		// What is told first must be looked for first. Otherwise the
		// constraints tell, at no cost to those who meet none.
		if begun, err := rival(tx, b); err != nil {
			return begun, err
		}
	}
	if isStale {
		return chat.Begun{}, stale(tx, b, newest)
	}
	begun := chat.Begun{Conversation: conversation}
	var superseded []chat.Message
	switch {
	case b.Question == nil:
		begun.Question, err = questionToRepeat(tx, b)
	case replaces(b):
		superseded, err = replaceQuestion(tx, b)
		begun.Conversation.MessageCount -= len(superseded)
	}
	if err != nil {
		return chat.Begun{}, err
	}
	for i := range rows {
		rows[i].Seq = newest + 1 + int64(i)
	}
	inserted := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&rows)
	if inserted.Error != nil {
		return chat.Begun{}, inserted.Error
	}
	if inserted.RowsAffected < int64(len(rows)) {
		begun, err := rival(tx, b)
		if err == nil {
			err = errors.New("the id of a message is in use")
		}
		return begun, err
	}
	begun.Answer = chat.Message(rows[len(rows)-1])
	if b.Question != nil {
		begun.Question = chat.Message(rows[0])
	}
	if b.Reservation != nil {
		if err := s.reserve(tx, *b.Reservation); err != nil {
			return chat.Begun{}, err
		}
	}
	return begun, recordNew(tx, b.UserID, beginning(begun, messagesOf(rows), superseded)...)
}

// beginning is what the feed tells of an answer that begins.
func beginning(begun chat.Begun, created, superseded []chat.Message) []chat.Change {
	var changes []chat.Change
	for _, message := range created {
		changes = append(changes, message.Created())
	}
	for _, message := range superseded {
		changes = append(changes, message.Updated(begun.Answer.CreatedAt))
	}
	return append(changes, begun.Answer.Started(), begun.Conversation.Updated())
}

// replaces tells whether an earlier answer or question gives its place.
func replaces(b chat.Beginning) bool {
	return b.Question == nil || b.Question.Replaces != ""
}

// rowsOf are the messages to store, in order.
func rowsOf(b chat.Beginning) []messageRow {
	var rows []messageRow
	if b.Question != nil {
		rows = append(rows, messageRow(*b.Question))
		b.Answer.QuestionID = b.Question.ID
	}
	rows = append(rows, messageRow(b.Answer))
	for i := range rows {
		rows[i].ConversationID = b.ConversationID
		rows[i].CreatedAt = stamp(rows[i].CreatedAt)
		rows[i].UpdatedAt = stamp(rows[i].UpdatedAt)
	}
	return rows
}

func advance(tx *gorm.DB, b chat.Beginning, n int) (chat.Conversation, error) {
	var advanced chat.Conversation
	done := tx.Raw(`UPDATE conversations
		SET last_seq = last_seq + ?, message_count = message_count + ?, updated_at = ?
		WHERE id = ? AND user_id = ? RETURNING *`,
		n, n, stamp(b.Answer.CreatedAt), b.ConversationID, b.UserID).Scan(&advanced)
	return advanced, found(done)
}

// rival looks for the answer to the same request, and for an answer that is
// still being made, which is a problem.
func rival(tx *gorm.DB, b chat.Beginning) (chat.Begun, error) {
	begun, err := repeated(tx, b)
	if err == nil {
		err = running(tx, b.ConversationID)
	}
	return begun, err
}

// repeated looks for the answer to the same request, which comes with
// errReplayed, or is a problem if the request was another.
func repeated(tx *gorm.DB, b chat.Beginning) (chat.Begun, error) {
	var before []messageRow
	err := tx.Where("conversation_id = ? AND idempotency_key = ? AND idempotency_key <> ''",
		b.ConversationID, b.Answer.IdempotencyKey).Limit(1).Find(&before).Error
	if err != nil || len(before) == 0 {
		return chat.Begun{}, err
	}
	return replay(tx, b, chat.Message(before[0]))
}

func running(tx *gorm.DB, conversationID string) error {
	var found []string
	err := tx.Model(&messageRow{}).Where("conversation_id = ? AND status = 'streaming'", conversationID).
		Limit(1).Pluck("id", &found).Error
	if err == nil && len(found) > 0 {
		err = problem.GenerationRunning.New("An answer is being made in this conversation.").
			With("messageId", found[0])
	}
	return err
}

func replay(tx *gorm.DB, b chat.Beginning, answer chat.Message) (chat.Begun, error) {
	if answer.RequestHash != b.Answer.RequestHash {
		return chat.Begun{}, problem.KeyReused.New("This Idempotency-Key came before with another request.")
	}
	question, err := question(tx, answer)
	if err == nil {
		err = errReplayed
	}
	return chat.Begun{Question: question, Answer: answer, Replayed: true}, err
}

// stale is the problem of a sender who has missed messages, with them.
func stale(tx *gorm.DB, b chat.Beginning, newest int64) error {
	missed, err := messages(tx, b.UserID, b.ConversationID, chat.MessageQuery{
		After: *b.LastSeq, Order: chat.OldestFirst, Limit: chat.MissedLimit,
	})
	if err != nil {
		return err
	}
	return problem.StaleConversation.New("This conversation has newer messages.").
		With("lastSeq", newest).With("missed", missed)
}

// questionToRepeat is the question of a further answer, which may only take the
// place of the newest one that stands.
func questionToRepeat(tx *gorm.DB, b chat.Beginning) (chat.Message, error) {
	var newest []string
	err := tx.Model(&messageRow{}).
		Where("conversation_id = ? AND role = 'assistant' AND superseded_by = ''", b.ConversationID).
		Order("seq DESC").Limit(1).Pluck("id", &newest).Error
	if err != nil {
		return chat.Message{}, err
	}
	if len(newest) == 0 || newest[0] != b.Answer.Replaces {
		return chat.Message{}, problem.Conflict.New("Only the newest answer of a conversation can be made again.")
	}
	b.Answer.ConversationID = b.ConversationID
	return question(tx, b.Answer)
}

func question(tx *gorm.DB, answer chat.Message) (chat.Message, error) {
	var found messageRow
	err := tx.Where("id = ? AND conversation_id = ?", answer.QuestionID, answer.ConversationID).Take(&found).Error
	return chat.Message(found), err
}
