package cli

import (
	"fmt"
	"os"

	"github.com/org/multiarch-action/internal/login"
	"github.com/org/multiarch-action/internal/plan"
)

// useLogins makes the logins that all of a command's requests to registries are made with, those of the builder too. The host is told to
// hide the passwords first.
func (a *app) useLogins(given []plan.Login) error {
	offered := a.host.Logins()
	for _, l := range append(given[:len(given):len(given)], offered...) {
		a.host.Mask(l.Password)
	}
	home, _ := os.UserHomeDir() // without one there is no configuration in it
	keychain, err := login.New(login.Config{
		Given: given, FromHost: offered, Getenv: a.Getenv, Home: home,
		Unread: func(err error) {
			text := fmt.Sprintf("%v; no login of it is used", err)
			if !a.host.Warning("", 0, "logins: "+text) {
				a.say("logins", "warning: %s", text)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("logins: %w", err)
	}
	a.keychain = keychain
	return nil
}
