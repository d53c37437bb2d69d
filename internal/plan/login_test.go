package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestLogins(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*plan.Inputs)
		want   []plan.Login
	}{
		"none":               {func(*plan.Inputs) {}, nil},
		"Docker Hub":         {func(in *plan.Inputs) { in.Username, in.Password = "u", "p" }, []plan.Login{{Registry: "index.docker.io", Username: "u", Password: "p"}}},
		"Docker Hub by name": {func(in *plan.Inputs) { in.Registry, in.Username, in.Password = "docker.io", "u", "p" }, []plan.Login{{Registry: "index.docker.io", Username: "u", Password: "p"}}},
		"an address": {
			func(in *plan.Inputs) { in.Registry, in.Username, in.Password = "https://ghcr.io/v2/", "u", "p" },
			[]plan.Login{{Registry: "ghcr.io", Username: "u", Password: "p"}},
		},
		"a file": {
			func(in *plan.Inputs) {
				in.Registry, in.Username, in.PasswordFile = "localhost:5000", "u", "two/key.pem"
			},
			[]plan.Login{{Registry: "localhost:5000", Username: "u", Password: "a key"}},
		},
		"several": {
			func(in *plan.Inputs) {
				in.RegistryAuth = "- username: a\n  password: p1\n- registry: ghcr.io\n  username: b\n  password: p2\n  scope: owner/app@push\n  ecr: auto\n"
			},
			[]plan.Login{{Registry: "index.docker.io", Username: "a", Password: "p1"}, {Registry: "ghcr.io", Scope: "owner/app", Username: "b", Password: "p2"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.New(with(test.change), world(nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, p.Logins); diff != "" {
				t.Errorf("the logins differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProblemsOfLogins(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*plan.Inputs)
		want   string
	}{
		"no password": {
			func(in *plan.Inputs) { in.Registry, in.Username = "ghcr.io", "u" },
			"password: there is no password for ghcr.io; set password in the environment, MULTIARCH_PASSWORD, or name a file by --password-file",
		},
		"no user name": {
			func(in *plan.Inputs) { in.Password = "s3cret" },
			"--username: there is no user name for index.docker.io; set username, or leave out registry and password to use the logins of docker",
		},
		"no registry": {
			func(in *plan.Inputs) { in.Registry, in.Username, in.Password = "a b", "u", "s3cret" },
			`--registry "a b": it is not the name of a registry; for example ghcr.io or localhost:5000`,
		},
		"two passwords": {
			func(in *plan.Inputs) { in.Username, in.Password, in.PasswordFile = "u", "s3cret", "two/key.pem" },
			`--password-file "two/key.pem": a password is given too; leave out one of the two`,
		},
		"a file that is not there": {
			func(in *plan.Inputs) { in.Username, in.PasswordFile = "u", "gone" },
			`--password-file "gone": it cannot be read; name a file that holds the password alone`,
		},
		"an access key of AWS": {
			func(in *plan.Inputs) {
				in.Registry, in.Username, in.Password = "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AKIA", "s3cret"
			},
			"--username: a login of ECR has the user name AWS; an access key is none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment and leave out the login",
		},
		"a list and more": {
			func(in *plan.Inputs) { in.RegistryAuth, in.Username = "- {username: u, password: s3cret}", "u" },
			"registry-auth: --username is given too, and both say logins; write all logins into registry-auth",
		},
		"no list": {
			func(in *plan.Inputs) { in.RegistryAuth = "s3cret" },
			"registry-auth: it is not a YAML list of logins with registry, username, password and scope; for example - {registry: ghcr.io, username: owner, password: TOKEN}",
		},
		"a list with problems": {
			func(in *plan.Inputs) {
				in.RegistryAuth = "[{username: u}, {registry: ghcr.io, username: u, password: s3cret}, {registry: ghcr.io, username: v, password: s3cret}]"
			},
			"registry-auth: number 1: there is no password for index.docker.io; set password in the environment, MULTIARCH_PASSWORD, or name a file by --password-file\n" +
				`registry-auth "ghcr.io": it has two logins; keep one, or give them different scopes`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(test.change), world(nil))
			var problems plan.InputErrors
			if !errors.As(err, &problems) || problems.Error() != test.want {
				t.Errorf("the error is\n%v\nwant\n%s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("the error holds the password")
			}
		})
	}
}
