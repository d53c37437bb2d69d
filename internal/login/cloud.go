package login

import (
	"context"
	"io"
	"regexp"

	ecr "github.com/awslabs/amazon-ecr-credential-helper/ecr-login"
	"github.com/chrismellard/docker-credential-acr-env/pkg/credhelper"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/google"
)

// cloud is the helper of a cloud provider: it makes a login out of what the machine is, or out of the provider's own variables.
type cloud struct {
	name     string
	hosts    *regexp.Regexp // of the provider's registries; no other is asked for
	keychain authn.Keychain
}

// clouds are the providers whose helpers go-containerregistry's own k8schain uses.
func clouds() []place {
	return []place{
		cloud{"the ECR helper", regexp.MustCompile(`^\d{12}\.dkr[.-]ecr(-fips)?\..+$|^public\.ecr\.aws$`), authn.NewKeychainFromHelper(ecr.NewECRHelper(ecr.WithLogger(io.Discard)))},
		cloud{"the helper of Google Cloud", regexp.MustCompile(`^(.+\.)?gcr\.io$|^.+-docker\.pkg\.dev$`), google.Keychain},
		cloud{"the ACR helper", regexp.MustCompile(`^.+\.azurecr\.(io|cn|de|us)$`), authn.NewKeychainFromHelper(credhelper.NewACRCredentialsHelper())},
	}
}

// String names the helper.
func (c cloud) String() string { return c.name }

func (c cloud) find(ctx context.Context, target authn.Resource) (login authn.AuthConfig, found bool, err error) {
	if !c.hosts.MatchString(target.RegistryStr()) {
		return authn.AuthConfig{}, false, nil
	}
	authenticator, err := authn.Resolve(ctx, c.keychain, target)
	if err != nil || authenticator == authn.Anonymous {
		return authn.AuthConfig{}, false, err
	}
	config, err := authn.Authorization(ctx, authenticator)
	if err != nil {
		return authn.AuthConfig{}, false, err
	}
	return *config, true, nil
}
