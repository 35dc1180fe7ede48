package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
)

type usersBudgetCmd struct {
	Account string `arg:"" help:"The username or the email."`
	Daily   string `help:"What it may spend on one day (UTC), in USD: an amount such as 1.50, none for no limit, or default for what BUDGET_DAILY says." placeholder:"USD"`
	Monthly string `help:"What it may spend in one month (UTC), the same way, or default for what BUDGET_MONTHLY says." placeholder:"USD"`
}

// Run changes the limits that are named, and prints how the account stands.
func (u usersBudgetCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(set settings, db *store.Store) error {
		user, err := db.UserByLogin(ctx, u.Account)
		if errors.Is(err, problem.NotFound) {
			return errNoAccount
		}
		if err != nil {
			return err
		}
		if err := u.change(ctx, db, user.ID); err != nil {
			return err
		}
		budgets := &chat.Budgets{Store: db, Default: set.budget()}
		periods, err := budgets.Periods(ctx, user.ID)
		if err != nil {
			return err
		}
		return printBudget(user.Username, periods)
	})
}

func (u usersBudgetCmd) change(ctx context.Context, db *store.Store, userID string) error {
	budget, err := db.Budget(ctx, userID)
	if err != nil {
		return err
	}
	err = cmp.Or(amount(&budget.Daily, u.Daily, "--daily"), amount(&budget.Monthly, u.Monthly, "--monthly"))
	if err != nil || u.Daily == "" && u.Monthly == "" {
		return err
	}
	return db.SetBudget(ctx, userID, budget, time.Now())
}

// amount reads what an option says, if it is given.
func amount(own **string, told, option string) error {
	switch {
	case told == "":
	case told == "default":
		*own = nil
	case told == "none":
		*own = new("")
	case chat.IsMoney(told):
		*own = &told
	default:
		return fmt.Errorf("%s must be an amount in USD such as 1.50, none or default", option)
	}
	return nil
}

func printBudget(name string, periods []chat.BudgetPeriod) error {
	if len(periods) == 0 {
		_, err := fmt.Fprintf(os.Stdout, "%s may spend without a limit\n", name)
		return err
	}
	for _, period := range periods {
		_, err := fmt.Fprintf(os.Stdout, "%s may spend %s USD a %s; spent %s, reserved %s, left %s until %s\n", name,
			period.Limit, period.Period, period.Spent, period.Reserved, period.Remaining, period.ResetsAt.Format(time.RFC3339))
		if err != nil {
			return err
		}
	}
	return nil
}

// budget is what accounts may spend that have no budget of their own.
func (s *settings) budget() chat.Budget {
	return chat.Budget{Daily: s.BudgetDaily, Monthly: s.BudgetMonthly}
}
