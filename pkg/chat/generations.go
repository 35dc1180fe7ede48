package chat

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"dreamchat/pkg/problem"
)

// Why a generation ends before its provider does. Compared by identity.
var (
	errStopped     = problem.Conflict.New("The answer was stopped.")
	errSuspended   = problem.AccountSuspended.New("The account is suspended.")
	errErased      = problem.SessionEnded.New("The account is being deleted.")
	errInterrupted = problem.Interrupted.New("The server shut down while the answer was made. What there was of it is kept.")
	errCrashed     = problem.Interrupted.New("The server that made the answer went away. What it had saved is kept.")
	errDeleted     = problem.NotFound.New("The conversation was deleted.")
	errLost        = problem.Conflict.New("The answer was closed by somebody else.")
)

// Generations makes answers. A generation belongs to nobody's request: a client
// that goes away never ends it. Fill the fields, run Run, then use the methods,
// which are safe for concurrent use.
type Generations struct {
	Store    GenerationStore
	Messages MessageStore
	Talks    ConversationStore
	Models   *Models
	Ledger   *Ledger
	Notify   Notifier
	Streams  Streams
	// Slots bounds what users ask for; nil for no limits.
	Slots *Slots
	Log   *slog.Logger
	// Owner names this instance. An instance that starts again under the name
	// closes at once what it left behind.
	Owner string
	// Grace is how long running answers may go on once Run is told to end.
	Grace time.Duration
	// OnFinish is told of each generation that ended; nil tells nobody.
	OnFinish func(Outcome)
	// Titles has conversations without a title named after an answer.
	Titles bool
	// Retries is how models are asked again that fail before their first token.
	Retries Retries

	mu       sync.Mutex
	running  map[string]*generation // by the answer's id
	draining bool
	done     sync.WaitGroup
	titling  titling
	// inherited is set once what an earlier process left behind is closed. It and
	// watched are the sweep's own.
	inherited bool
	watched   watch
	// unsaved is set when a checkpoint has failed since the last sweep.
	unsaved atomic.Bool
	mirrors mirrors
	readers readers
	// signals makes the channels that follow: leaving is closed when the server is
	// to end, giveUp when answers that cannot be saved must be let go, ended when
	// Run has returned.
	signals                sync.Once
	leaving, giveUp, ended chan struct{}
}

// claim registers a generation before its row is there, so that whoever sees
// the row finds the generation.
func (g *Generations) claim(answerID string, made *generation) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return problem.Unavailable.New("The server is shutting down.").After(time.Second)
	}
	if g.running == nil {
		g.running = make(map[string]*generation)
	}
	g.running[answerID] = made
	g.done.Add(1)
	return nil
}

func (g *Generations) release(answerID string) {
	g.mu.Lock()
	delete(g.running, answerID)
	g.mu.Unlock()
	g.done.Done()
}

// answer reads a message that must be an answer.
func (g *Generations) answer(ctx context.Context, userID, messageID string) (Message, error) {
	message, err := g.Messages.Message(ctx, userID, messageID)
	if err == nil && message.Role != RoleAssistant {
		err = problem.NotFound.New("This message is not an answer.")
	}
	return message, err
}

// find returns the generation of an answer, if it runs here for this user.
func (g *Generations) find(userID, messageID string) (*generation, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	made, ok := g.running[messageID]
	return made, ok && made.userID == userID
}

// drop ends the generations of a conversation that was deleted.
func (g *Generations) drop(conversationID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, made := range g.running {
		if made.answer.ConversationID == conversationID {
			made.cancel(errDeleted)
		}
	}
}
