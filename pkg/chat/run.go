package chat

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

const (
	checkpointEvery = time.Second
	// checkpointAnswers and checkpointBytes bound what one statement saves, so
	// that it takes no longer than saveTimeout however much is being made.
	checkpointAnswers = 500
	checkpointBytes   = 2 * maxAnswer
	// signOfLife is how often an answer that does not grow is saved all the same.
	signOfLife = 2 * time.Second
	// lastSave is how long answers may still be saved after the grace.
	lastSave = 5 * time.Second
)

// Run looks after the running answers until ctx is done: it closes what an
// earlier process left behind, saves what there is of each answer every second,
// stops those that other instances were asked to stop, and closes answers whose
// server has gone. Then no further answer begins; the running ones have Grace to
// finish, and the rest end as interrupted. It returns once none is left.
func (g *Generations) Run(ctx context.Context) error {
	g.makeSignals()
	defer close(g.ended)
	defer g.mirrors.close()
	listening, deafen := context.WithCancel(context.WithoutCancel(ctx))
	var others sync.WaitGroup
	others.Go(func() { g.listenForStops(listening) })
	// Apart from the checkpoints: to close what a whole server left behind takes
	// longer than our own answers may be silent.
	others.Go(func() { g.sweepRegularly(ctx) })
	g.work(ctx)
	deafen()
	others.Wait()
	return nil
}

func (g *Generations) work(ctx context.Context) {
	checkpoints := time.NewTicker(checkpointEvery)
	defer checkpoints.Stop()
	for {
		select {
		case <-checkpoints.C:
			g.checkpoint(ctx)
		case <-ctx.Done():
			g.drain(context.WithoutCancel(ctx), checkpoints.C)
			return
		}
	}
}

// drain waits for the running answers to end, by themselves or by force.
func (g *Generations) drain(ctx context.Context, checkpoints <-chan time.Time) {
	g.mu.Lock()
	g.draining = true
	g.mu.Unlock()
	close(g.lastOrders())
	g.titling.end()
	ended := make(chan struct{})
	go func() {
		g.done.Wait()
		close(ended)
	}()
	grace := time.After(g.Grace)
	last := time.After(g.Grace + lastSave)
	for {
		select {
		case <-ended:
			return
		case <-checkpoints:
			g.checkpoint(ctx)
		case <-grace:
			for _, made := range g.all() {
				made.cancel(errInterrupted)
			}
		case <-last:
			close(g.lastCall())
			<-ended
			return
		}
	}
}

// Ended is closed once Run has returned: every answer has come to an end.
func (g *Generations) Ended() <-chan struct{} {
	g.makeSignals()
	return g.ended
}

// lastCall is closed when the server must end.
func (g *Generations) lastCall() chan struct{} {
	g.makeSignals()
	return g.giveUp
}

// lastOrders is closed when the server is to end and nothing is begun any more.
func (g *Generations) lastOrders() chan struct{} {
	g.makeSignals()
	return g.leaving
}

func (g *Generations) makeSignals() {
	g.signals.Do(func() {
		g.leaving, g.giveUp, g.ended = make(chan struct{}), make(chan struct{}), make(chan struct{})
	})
}

// all returns the generations that run here.
func (g *Generations) all() []*generation {
	g.mu.Lock()
	defer g.mu.Unlock()
	running := make([]*generation, 0, len(g.running))
	for _, made := range g.running {
		running = append(running, made)
	}
	return running
}

// checkpoint saves what there is of each running answer, so that a crash costs
// at most the last second of it.
func (g *Generations) checkpoint(ctx context.Context) {
	var answers []Message
	for _, made := range g.all() {
		if answer, due := made.due(); due {
			answers = append(answers, answer)
		}
	}
	for batch := range batches(answers) {
		lost, err := g.saveBatch(ctx, batch)
		if err != nil {
			g.unsaved.Store(true)
			g.Log.WarnContext(ctx, "checkpoint failed", "answers", len(batch), "error", err)
			return
		}
		g.end(lost, errLost)
		g.saved(batch, lost)
	}
}

// batches divides answers into what one statement saves. None is larger than one
// may be by itself.
func batches(answers []Message) iter.Seq[[]Message] {
	return func(yield func([]Message) bool) {
		for len(answers) > 0 {
			n, size := 0, 0
			for n < min(len(answers), checkpointAnswers) {
				size += len(answers[n].Content) + len(answers[n].Reasoning)
				if n > 0 && size > checkpointBytes {
					break
				}
				n++
			}
			if !yield(answers[:n]) {
				return
			}
			answers = answers[n:]
		}
	}
}

// saved shows readers what is kept now.
func (g *Generations) saved(batch []Message, lost []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, answer := range batch {
		if made, ok := g.running[answer.ID]; ok && !slices.Contains(lost, answer.ID) {
			made.stream.Saved(answer.LastEventSeq)
		}
	}
}

func (g *Generations) saveBatch(ctx context.Context, batch []Message) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return g.Store.Checkpoint(ctx, batch, now())
}
