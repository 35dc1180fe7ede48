package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
)

// budgetRow is what stands with an account.
type budgetRow struct {
	BudgetDaily, BudgetMonthly *string
}

func (budgetRow) TableName() string { return "users" }

// Budget returns the limits that the account has of its own.
func (s *Store) Budget(ctx context.Context, userID string) (chat.OwnBudget, error) {
	var row budgetRow
	err := s.read.WithContext(ctx).Where("id = ?", userID).Take(&row).Error
	return chat.OwnBudget{Daily: row.BudgetDaily, Monthly: row.BudgetMonthly}, failure(ctx, err, "account")
}

// SetBudget changes the limits that the account has of its own.
func (s *Store) SetBudget(ctx context.Context, userID string, budget chat.OwnBudget, now time.Time) error {
	done := s.write.WithContext(ctx).Table("users").Where("id = ?", userID).Updates(map[string]any{
		"budget_daily": budget.Daily, "budget_monthly": budget.Monthly, "updated_at": stamp(now),
	})
	return failure(ctx, found(done), "account")
}

// Spending sums what the account has spent and reserved.
func (s *Store) Spending(ctx context.Context, userID string, at time.Time) (chat.Spending, error) {
	spending, err := s.spending(s.read.WithContext(ctx), userID, at)
	return spending, failure(ctx, err, "charge")
}

// Reserve stores an open charge, if the budget allows it.
func (s *Store) Reserve(ctx context.Context, reservation chat.Reservation) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return s.reserve(tx, reservation)
	})
	return failure(ctx, err, "account")
}

// reserve locks the account, as [record] does, so that of those who reserve at
// once each sees what the others have. SQLite has one writer anyway.
func (s *Store) reserve(tx *gorm.DB, reservation chat.Reservation) error {
	if err := lockUser(tx, reservation.Charge.UserID); err != nil {
		return err
	}
	spending, err := s.spending(tx, reservation.Charge.UserID, reservation.Charge.CreatedAt)
	if err != nil {
		return err
	}
	if err := reservation.Check(spending); err != nil {
		return err
	}
	return s.saveCharge(tx, reservation.Charge)
}

// spendingRow is a sum as SQL gives it, see usageRow.
type spendingRow struct {
	DaySpent, DayReserved, MonthSpent, MonthReserved string
}

func (s *Store) spending(tx *gorm.DB, userID string, at time.Time) (chat.Spending, error) {
	sum := func(column, condition, name string) string {
		return s.exactly("CASE WHEN "+condition+" THEN "+column+" END", name)
	}
	const today, counts = "created_at >= @today", "state = 'open' AND created_at > @counts"
	year, month, day := at.UTC().Date()
	var row spendingRow
	err := tx.Raw(`SELECT `+sum("cost", today, "day_spent")+`, `+sum("reserved", counts+" AND "+today, "day_reserved")+`,
			`+sum("cost", "state = 'closed'", "month_spent")+`, `+sum("reserved", counts, "month_reserved")+`
		FROM charges WHERE user_id = @user AND created_at >= @month`,
		map[string]any{
			"user":   userID,
			"today":  stamp(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)),
			"month":  stamp(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)),
			"counts": stamp(at.Add(-chat.ReservationLife)),
		}).Scan(&row).Error
	if err != nil {
		return chat.Spending{}, err
	}
	return row.spending()
}

func (r spendingRow) spending() (chat.Spending, error) {
	var sums [4]string
	for i, costs := range []string{r.DaySpent, r.DayReserved, r.MonthSpent, r.MonthReserved} {
		sum, err := chat.SumMoney(strings.Fields(costs)...)
		if err != nil {
			return chat.Spending{}, err
		}
		sums[i] = sum
	}
	return chat.Spending{
		Day:   chat.Amounts{Spent: sums[0], Reserved: sums[1]},
		Month: chat.Amounts{Spent: sums[2], Reserved: sums[3]},
	}, nil
}
