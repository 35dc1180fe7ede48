package main_test

import (
	"net/http"
	"testing"
)

func TestBudgetsOfAccounts(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		server := at.start(t, "BUDGET_DAILY=1.50")
		user := server.register("ada")
		budget := func(code int, texts []string, options ...string) {
			t.Helper()
			settings := append([]string{"BUDGET_DAILY=1.50"}, at.environment...)
			execute(t, at.folder, settings, append([]string{"users", "budget", "ada"}, options...)...).want(t, code, texts...)
		}
		budget(0, []string{"ada may spend 1.50 USD a day; spent 0, reserved 0, left 1.5 until "})
		budget(1, []string{"--daily must be an amount in USD such as 1.50, none or default"}, "--daily=much")
		budget(1, []string{"--monthly must be"}, "--monthly=-1")
		budget(0, []string{"ada may spend without a limit"}, "--daily=none")
		budget(0, []string{"ada may spend 20 USD a month"}, "--monthly=20")
		budget(0, []string{"ada may spend 1.50 USD a day", "ada may spend 0 USD a month"}, "--daily=default", "--monthly=0")
		execute(t, at.folder, at.environment, "users", "budget", "eve").want(t, 1, "there is no account")

		type period struct{ Period, Limit, Remaining string }
		shown := want[struct{ Budgets []period }](user, http.StatusOK, http.MethodGet, "/api/v1/usage", nil).Budgets
		if len(shown) != 2 || shown[0] != (period{"day", "1.50", "1.5"}) || shown[1] != (period{"month", "0", "0"}) {
			t.Errorf("shown: %+v", shown)
		}
		server.stop()
	})
}
