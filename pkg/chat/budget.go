package chat

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"dreamchat/pkg/problem"
)

// ReservationLife is how long a reservation counts at most. A request that takes
// longer is charged all the same when it ends; one whose end nobody has recorded,
// since its server was killed, must not hold the account up for ever.
const ReservationLife = time.Hour

// Budget is what an account may spend on one day and in one calendar month (UTC):
// exact decimals in USD, empty for no limit.
type Budget struct {
	Daily, Monthly string
}

func (b Budget) limits() bool { return b.Daily != "" || b.Monthly != "" }

// OwnBudget is what stands with an account in place of the settings' budget; nil
// leaves a limit to those.
type OwnBudget struct {
	Daily, Monthly *string
}

func (o OwnBudget) over(budget Budget) Budget {
	if o.Daily != nil {
		budget.Daily = *o.Daily
	}
	if o.Monthly != nil {
		budget.Monthly = *o.Monthly
	}
	return budget
}

// Spending is what an account has spent and reserved on the day and in the month
// of a time.
type Spending struct {
	Day, Month Amounts
}

// Amounts are exact decimals in USD.
type Amounts struct {
	Spent, Reserved string
}

// BudgetStore keeps what accounts may spend, and sums what they have. An unknown
// account is problem.NotFound.
type BudgetStore interface {
	Budget(ctx context.Context, userID string) (OwnBudget, error)
	Spending(ctx context.Context, userID string, at time.Time) (Spending, error)
	// Reserve stores an open charge if [Reservation.Check] finds that it fits. Of
	// those that come at once each sees the others: together they never pass a
	// budget.
	Reserve(ctx context.Context, reservation Reservation) error
}

// Reservation is an open charge, whose Reserved is what it may cost at most, and
// the budget that it must stay within.
type Reservation struct {
	Charge Charge
	Budget Budget
}

// Check is problem.BudgetExceeded if the reservation does not fit into what the
// budget leaves; its details are the [BudgetPeriod] and what was "needed".
func (r *Reservation) Check(spending Spending) error {
	needed, err := money(*r.Charge.Reserved)
	if err != nil {
		return err
	}
	periods, err := r.Budget.periods(spending, r.Charge.CreatedAt)
	if err != nil {
		return err
	}
	for _, period := range periods {
		if needed.GreaterThan(period.left) {
			return period.exceeded(needed)
		}
	}
	return nil
}

// BudgetPeriod is how an account stands in a day or a month. Amounts are exact
// decimals in USD.
type BudgetPeriod struct {
	Period    string    `json:"period"` // "day" or "month"
	Limit     string    `json:"limit"`
	Spent     string    `json:"spent"`
	Reserved  string    `json:"reserved"`
	Remaining string    `json:"remaining"` // never negative
	ResetsAt  time.Time `json:"resetsAt"`

	left decimal.Decimal
}

// periods are those that the budget limits.
func (b Budget) periods(spending Spending, at time.Time) ([]BudgetPeriod, error) {
	at = at.UTC()
	year, month, day := at.Date()
	all := []BudgetPeriod{
		{Period: "day", Limit: b.Daily, Spent: spending.Day.Spent, Reserved: spending.Day.Reserved, ResetsAt: time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)},
		{Period: "month", Limit: b.Monthly, Spent: spending.Month.Spent, Reserved: spending.Month.Reserved, ResetsAt: time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)},
	}
	limited := make([]BudgetPeriod, 0, len(all))
	for _, period := range all {
		if period.Limit == "" {
			continue
		}
		if err := period.subtract(); err != nil {
			return nil, err
		}
		limited = append(limited, period)
	}
	return limited, nil
}

func (p *BudgetPeriod) subtract() error {
	limit, err := money(p.Limit)
	if err != nil {
		return err
	}
	taken, err := money(p.Spent, p.Reserved)
	if err != nil {
		return err
	}
	p.left = decimal.Max(limit.Sub(taken), decimal.Zero)
	p.Remaining = p.left.String()
	return nil
}

func (p *BudgetPeriod) exceeded(needed decimal.Decimal) error {
	return problem.BudgetExceeded.New("This may cost more than what is left of the account's budget for the "+p.Period+".").
		With("period", p.Period).With("limit", p.Limit).With("spent", p.Spent).With("reserved", p.Reserved).
		With("remaining", p.Remaining).With("needed", needed.String()).With("resetsAt", p.ResetsAt)
}

// Budgets says what accounts may spend. Its methods are safe for concurrent use.
type Budgets struct {
	Store BudgetStore
	// Default is for accounts that have no budget of their own.
	Default Budget
}

// Of is the budget of an account; none at all is the zero Budget.
func (b *Budgets) Of(ctx context.Context, userID string) (Budget, error) {
	own, err := b.Store.Budget(ctx, userID)
	return own.over(b.Default), err
}

// Periods tells how an account stands now, for each limit that it has.
func (b *Budgets) Periods(ctx context.Context, userID string) ([]BudgetPeriod, error) {
	budget, err := b.Of(ctx, userID)
	if err != nil || !budget.limits() {
		return []BudgetPeriod{}, err
	}
	at := now()
	spending, err := b.Store.Spending(ctx, userID, at)
	if err != nil {
		return nil, err
	}
	return budget.periods(spending, at)
}
