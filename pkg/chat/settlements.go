package chat

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dreamchat/pkg/problem"
)

const (
	// settledAtOnce is how many charges are settled at once.
	settledAtOnce = 8
	// settleLease is longer than a batch takes: after it what was taken is due
	// again, whatever became of the server that took it.
	settleLease = 30 * time.Second
)

// Settlements asks providers afterwards what those requests cost whose cost they
// did not tell, as after a stop. What is to be asked is kept in the database, so
// it survives the server, and any instance may ask, one at a time.
type Settlements struct {
	Ledger *Ledger
	Notify Notifier
	Log    *slog.Logger
	// Every is how often what is due is looked for.
	Every time.Duration
	// Pause is about how long after the first time a provider is asked again; each
	// further pause is twice as long, but not longer than MaxPause.
	Pause, MaxPause time.Duration
	// Tries is how often a provider is asked. After that the estimate stands.
	Tries int
}

// Run settles what is due until ctx is done.
func (s *Settlements) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.Every)
	defer ticker.Stop()
	for {
		for s.settleBatch(ctx) == settledAtOnce {
			// There may be more.
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// settleBatch tells how many charges it took.
func (s *Settlements) settleBatch(ctx context.Context) int {
	due, err := s.due(ctx)
	if err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "charges to settle not read", "error", err)
	}
	var settling sync.WaitGroup
	for _, charge := range due {
		settling.Go(func() {
			if err := s.settle(ctx, charge); err != nil {
				s.Log.WarnContext(ctx, "charge not settled", "charge", charge.ID, "tries", charge.SettleTries, "error", err)
			}
		})
	}
	settling.Wait()
	return len(due)
}

func (s *Settlements) due(ctx context.Context) ([]Charge, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return s.Ledger.Store.DueCharges(ctx, settledAtOnce, settleLease)
}

// settle asks for one charge and stores what comes of it. The error is for the
// log: a provider that does not know yet is none.
func (s *Settlements) settle(ctx context.Context, charge Charge) error {
	usage, err := s.ask(ctx, charge)
	if ctx.Err() != nil {
		return nil // due again after the lease
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	switch {
	case err == nil:
		return s.save(saving, charge, usage)
	case charge.SettleTries >= s.Tries:
		s.Log.WarnContext(ctx, "charge given up, its estimate stands", "charge", charge.ID, "error", err)
		return s.Ledger.Store.PutOffCharge(saving, charge, 0)
	case errors.Is(err, problem.NotFound):
		err = nil
	}
	return errors.Join(err, s.Ledger.Store.PutOffCharge(saving, charge, s.pause(charge.SettleTries)))
}

func (s *Settlements) ask(ctx context.Context, charge Charge) (Usage, error) {
	settler, configured := s.Ledger.Settlers[charge.Provider]
	if !configured {
		return Usage{}, problem.Upstream.New("The model provider is not configured any more.")
	}
	return settler.Settled(ctx, charge.GenerationID)
}

func (s *Settlements) save(ctx context.Context, charge Charge, usage Usage) error {
	err := s.Ledger.Store.SettleCharge(ctx, charge, usage, now())
	switch {
	case errors.Is(err, problem.Conflict):
		return nil // somebody else has, who took it after our lease
	case err == nil && charge.MessageID != "":
		s.Notify.Changed(ctx, charge.UserID)
	}
	return err
}

// pause is how long to wait after so many tries; by chance more or less, so that
// many that were stopped together are not asked for together.
func (s *Settlements) pause(tries int) time.Duration {
	pause := min(s.Pause<<min(tries-1, 20), s.MaxPause)
	return max(pause/2+jitter(pause), time.Millisecond)
}
