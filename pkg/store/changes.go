package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// changesAtOnce keeps an INSERT within what either dialect binds.
const changesAtOnce = 1000

// toldColumns are those of a message that its changes tell.
const toldColumns = "id, conversation_id, seq, role, status, question_id, superseded_by"

// record writes changes to the feed of their owner, numbered in this order.
//
// It must be the last thing that a transaction does. It locks the owner's row
// until the commit, so that the owner's changes are numbered in the order in
// which they are committed: a reader who has come to a number never finds a
// smaller one later. Since every transaction takes this lock after those of
// conversation and messages, nobody who holds it waits for another. What is
// rolled back gives its numbers back, so none is ever missing.
func record(tx *gorm.DB, userID string, changes ...chat.Change) error {
	_, err := recorded(tx, userID, changes)
	return err
}

// recordNew is record for what an account begins. One that was shut out by then may
// not: who shuts it out finds whatever was begun before.
func recordNew(tx *gorm.DB, userID string, changes ...chat.Change) error {
	owner, err := recorded(tx, userID, changes)
	switch {
	case err != nil:
		return err
	case owner.Deleting:
		return problem.SessionEnded.New("The account does not exist any more.")
	case owner.Suspended:
		return problem.AccountSuspended.New("The account is suspended.")
	}
	return nil
}

// feedOwner is the owner of a feed, locked.
type feedOwner struct {
	FeedSeq             int64
	Suspended, Deleting bool
}

func recorded(tx *gorm.DB, userID string, changes []chat.Change) (feedOwner, error) {
	var owner feedOwner
	done := tx.Raw(`UPDATE users SET feed_seq = feed_seq + ? WHERE id = ?
		RETURNING feed_seq, suspended_at IS NOT NULL AS suspended, deleting_at IS NOT NULL AS deleting`,
		len(changes), userID).Scan(&owner)
	if err := found(done); err != nil {
		return owner, err
	}
	first := owner.FeedSeq - int64(len(changes)) + 1
	for i := range changes {
		changes[i].UserID = userID
		changes[i].Seq = first + int64(i)
		changes[i].CreatedAt = stamp(changes[i].CreatedAt)
	}
	return owner, tx.CreateInBatches(changes, changesAtOnce).Error
}

// Changes returns what the feed of an account holds after a number, oldest
// first.
func (s *Store) Changes(ctx context.Context, userID string, after int64, limit int) ([]chat.Change, error) {
	var page []chat.Change
	err := s.read.WithContext(ctx).Where("user_id = ? AND seq > ?", userID, after).
		Order("seq").Limit(limit).Find(&page).Error
	return page, failure(ctx, err, "change")
}

// NewestChange returns the number of the newest change of an account, kept or
// not; 0 for none.
func (s *Store) NewestChange(ctx context.Context, userID string) (int64, error) {
	var newest int64
	done := s.read.WithContext(ctx).Raw("SELECT feed_seq FROM users WHERE id = ?", userID).Scan(&newest)
	return newest, failure(ctx, found(done), "account")
}

// PruneChanges deletes the oldest changes from before a time, at most limit,
// and returns how many it deleted.
func (s *Store) PruneChanges(ctx context.Context, before time.Time, limit int) (int, error) {
	tx := s.write.WithContext(ctx)
	// Instances that prune at once each take what the others leave, rather than
	// wait for one another's rows.
	old := tx.Model(&chat.Change{}).Select("user_id, seq").Where("created_at < ?", stamp(before)).
		Order("created_at, user_id, seq").Limit(limit).
		Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})
	done := tx.Where("(user_id, seq) IN (?)", old).Delete(&chat.Change{})
	return int(done.RowsAffected), failure(ctx, done.Error, "change")
}
