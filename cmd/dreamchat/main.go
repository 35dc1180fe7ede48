// Command dreamchat is the whole service: it reads the settings, wires the
// parts, runs them, and shuts them down in reverse order.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"dreamchat/pkg/auth"
)

// version is stamped by the linker.
var version = "dev"

type cli struct {
	Serve       serveCmd       `cmd:"" default:"1" help:"Answer requests until SIGINT or SIGTERM. This is the default."`
	Migrate     migrateCmd     `cmd:"" help:"Change or show the database's schema."`
	Models      modelsCmd      `cmd:"" help:"Change the catalogue of models."`
	Keys        keysCmd        `cmd:"" help:"Change the keys that sign access tokens."`
	Users       usersCmd       `cmd:"" help:"Change accounts."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask the server on this machine whether it is alive; exit code 1 if it is not."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	var commands cli
	command := kong.Parse(&commands,
		kong.Name("dreamchat"),
		kong.Description("The backend of an AI chat product: answers stream as Server-Sent Events and are never lost.\n\n"+
			"Settings come from the environment and from a .env file in this folder; with none it runs on SQLite with a demo model. "+
			"README.md lists them."),
		kong.UsageOnError(),
		kong.Vars{"signsAfter": auth.SignsAfter.String()},
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err := command.Run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "dreamchat: "+err.Error())
		os.Exit(1)
	}
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	_, err := fmt.Fprintln(os.Stdout, "dreamchat "+version)
	return err
}
