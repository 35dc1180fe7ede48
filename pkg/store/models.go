package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/migrations"
	"dreamchat/pkg/chat"
)

// modelRow is a model with its unknown prices as null.
type modelRow struct {
	chat.Model
	PricingInput, PricingOutput *string
}

func (modelRow) TableName() string { return "ai_models" }

// Models returns the whole catalogue, ordered by id.
func (s *Store) Models(ctx context.Context) ([]chat.Model, error) {
	catalogue, err := models(s.read.WithContext(ctx))
	return catalogue, failure(ctx, err, "model")
}

// ChangeModels saves what change makes of the catalogue, in one transaction.
func (s *Store) ChangeModels(ctx context.Context, change func([]chat.Model) ([]chat.Model, error)) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockModels(tx); err != nil {
			return err
		}
		stored, err := models(tx)
		if err != nil {
			return err
		}
		changed, err := change(stored)
		if err != nil {
			return err
		}
		return saveModels(tx, changed)
	})
	return failure(ctx, err, "model")
}

// lockModels makes other changes wait, but nobody who reads. SQLite has one
// writer anyway.
func (s *Store) lockModels(tx *gorm.DB) error {
	if s.dialect != migrations.Postgres {
		return nil
	}
	return tx.Exec("LOCK TABLE ai_models IN SHARE ROW EXCLUSIVE MODE").Error
}

func models(tx *gorm.DB) ([]chat.Model, error) {
	var catalogue []chat.Model
	err := tx.Table("ai_models").Order("id").Find(&catalogue).Error
	return catalogue, err
}

// modelBatch is how many models one statement saves; its parameters are bounded.
const modelBatch = 100

func saveModels(tx *gorm.DB, changed []chat.Model) error {
	rows := make([]modelRow, len(changed))
	for i, model := range changed {
		model.CreatedAt, model.UpdatedAt = stamp(model.CreatedAt), stamp(model.UpdatedAt)
		rows[i] = modelRow{Model: model, PricingInput: price(model.PricingInput), PricingOutput: price(model.PricingOutput)}
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(rows, modelBatch).Error
}

func price(decimal string) *string {
	if decimal == "" {
		return nil
	}
	return &decimal
}

// TakeLease takes work that is due. The database decides between instances, by
// its clock.
func (s *Store) TakeLease(ctx context.Context, name, holder string, span time.Duration) (bool, error) {
	done := s.write.WithContext(ctx).Exec(`INSERT INTO leases (name, holder, due_at) VALUES (?, ?, `+s.after()+`)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, due_at = excluded.due_at
		WHERE leases.due_at <= `+s.after(), name, holder, span.Seconds(), 0)
	return done.RowsAffected == 1, failure(ctx, done.Error, "lease")
}

// ExtendLease moves the time at which work of the holder is due.
func (s *Store) ExtendLease(ctx context.Context, name, holder string, span time.Duration) error {
	done := s.write.WithContext(ctx).Exec(`UPDATE leases SET due_at = `+s.after()+` WHERE name = ? AND holder = ?`,
		span.Seconds(), name, holder)
	return failure(ctx, done.Error, "lease")
}

// after is the time so many seconds from now, by the database's clock.
func (s *Store) after() string {
	if s.dialect == migrations.Postgres {
		return "clock_timestamp() + make_interval(secs => ?)"
	}
	return "strftime('%Y-%m-%d %H:%M:%f', 'now', ? || ' seconds')"
}
