package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// upstream starts the scripted provider.
func (l *lab) upstream(ctx context.Context, args ...string) (*process, error) {
	return start(ctx, "fakerouter", func(host, port string) *exec.Cmd {
		args := append([]string{"-addr", net.JoinHostPort(host, port)}, args...)
		return l.command(ctx, filepath.Join(l.dir, "fakerouter"), args, nil)
	})
}

// target starts one system in front of the provider and shows that it works.
func (l *lab) target(ctx context.Context, system string, upstream *process) (*target, error) {
	t := &target{name: system, client: l.client, wire: serviceWire()}
	var err error
	switch system {
	case bareHTTP:
		t.launch, err = l.relay(system, "http", upstream)
	case bareEcho:
		t.launch, err = l.relay(system, "echo", upstream)
	case dreamchat, openAIWire:
		t.launch, err = l.service(upstream, "", 1)
	case withRedis:
		t.launch, err = l.service(upstream, l.redisURL, 1)
	case relayed:
		t.launch, err = l.service(upstream, l.redisURL, 2)
	}
	if err == nil {
		t.processes, err = t.launch(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := l.ready(ctx, t); err != nil {
		t.terminate()
		return nil, err
	}
	return t, nil
}

func (l *lab) ready(ctx context.Context, t *target) (err error) {
	switch t.name {
	case bareHTTP, bareEcho, openAIWire:
		t.wire, t.path, t.model = providerWire(), barePath, "load/model"
	}
	if t.name == openAIWire {
		t.path, t.model = "/api/v1/chat/completions", servedModel
	}
	if t.name != bareHTTP && t.name != bareEcho {
		if t.account, err = register(ctx, t); err != nil {
			return err
		}
	}
	return t.warm(ctx)
}

// warm asks for some short answers, so that what a process does only once is
// not taken for a cost of the streams.
func (t *target) warm(ctx context.Context) error {
	const answers = 16
	if err := t.prepare(ctx, answers); err != nil {
		return err
	}
	for range answers {
		if err := t.answer(ctx, ask{chunks: 4, bytes: delayBytes}, everything); err != nil {
			return err
		}
	}
	return nil
}

// launcher starts the processes of a system. Answers are asked of the first and
// read from the last.
type launcher = func(ctx context.Context) ([]*process, error)

// relay is this very program.
func (l *lab) relay(name, kind string, upstream *process) (launcher, error) {
	self, err := os.Executable()
	return func(ctx context.Context) ([]*process, error) {
		p, err := start(ctx, name, func(host, port string) *exec.Cmd {
			return l.command(ctx, self, []string{
				"relay", "--kind=" + kind, "--listen=" + net.JoinHostPort(host, port), "--upstream=" + upstream.base + barePath,
			}, nil)
		})
		return []*process{p}, err
	}, err
}

// service is so many instances with a data folder of their own.
func (l *lab) service(upstream *process, redisURL string, instances int) (launcher, error) {
	home, err := os.MkdirTemp(l.dir, "data-")
	return func(ctx context.Context) (launched []*process, err error) {
		for i := range instances {
			p, err := l.instance(ctx, upstream, redisURL, home, i)
			if err != nil {
				terminate(launched)
				return nil, err
			}
			launched = append(launched, p)
		}
		return launched, nil
	}, err
}

func (l *lab) instance(ctx context.Context, upstream *process, redisURL, home string, i int) (*process, error) {
	return start(ctx, dreamchat, func(host, port string) *exec.Cmd {
		return l.command(ctx, filepath.Join(l.dir, "dreamchat"), []string{"serve"}, []string{
			"HOST=" + host,
			"PORT=" + port,
			"DATA_DIR=" + home,
			"DATABASE_URL=" + l.databaseURL,
			"REDIS_URL=" + redisURL,
			"INSTANCE=" + filepath.Base(home) + "-" + strconv.Itoa(i),
			"OPENROUTER_API_KEY=load",
			"OPENROUTER_BASE_URL=" + upstream.base + "/v1",
			"LLM_TIMEOUT=15m", // a stream that is held open is silent
			"SHUTDOWN_GRACE=0s",
			"TITLES=false", // only the streams are measured
			"LIMIT_USER=0", "LIMIT_ADDRESS=0", "LIMIT_GENERATIONS=0", "LIMIT_SENDS=0",
			"LOG_LEVEL=warn",
		})
	})
}

// all starts every system in front of one provider, which takes these
// arguments. The caller calls stop.
func (l *lab) all(ctx context.Context, args ...string) (targets []*target, stop func(), err error) {
	upstream, err := l.upstream(ctx, args...)
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		for _, t := range targets {
			t.terminate()
		}
		upstream.kill()
	}
	for _, system := range systems() {
		t, err := l.target(ctx, system, upstream)
		if err != nil {
			stop()
			return nil, nil, err
		}
		targets = append(targets, t)
	}
	return targets, stop, nil
}
