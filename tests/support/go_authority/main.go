// The example server of github.com/zitadel/oidc, with tokens that end after a second and clients that prove themselves
// by the key in CLIENT_KEY. It listens at ADDRESS, which is its issuer, and sends codes to REDIRECT.
package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"log"
	"net/http"
	"os"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	keyed = "keyed"
	life  = 1500 * time.Millisecond // it says whole seconds, cut
)

type store struct {
	*storage.Storage
	key any
}

type keyedClient struct{ op.Client }

func (keyedClient) AuthMethod() oidc.AuthMethod { return oidc.AuthMethodPrivateKeyJWT }

func (s store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := s.Storage.GetClientByClientID(ctx, id)
	if err == nil && id == keyed {
		return keyedClient{client}, nil
	}
	return client, err
}

func (s store) GetKeyByIDAndClientID(_ context.Context, keyID, _ string) (*jose.JSONWebKey, error) {
	return &jose.JSONWebKey{KeyID: keyID, Use: "sig", Key: s.key}, nil
}

func (s store) CreateAccessToken(ctx context.Context, request op.TokenRequest) (string, time.Time, error) {
	id, _, err := s.Storage.CreateAccessToken(ctx, request)
	return id, time.Now().Add(life), err
}

func (s store) CreateAccessAndRefreshTokens(ctx context.Context, request op.TokenRequest, current string) (string, string, time.Time, error) {
	id, refresh, _, err := s.Storage.CreateAccessAndRefreshTokens(ctx, request, current)
	return id, refresh, time.Now().Add(life), err
}

func main() {
	text, err := os.ReadFile(os.Getenv("CLIENT_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	address, redirect := os.Getenv("ADDRESS"), os.Getenv("REDIRECT")
	storage.RegisterClients(storage.WebClient("ours", "secret", redirect), storage.WebClient(keyed, "", redirect))
	issuer := "http://" + address + "/"
	served := exampleop.SetupServer(issuer, store{storage.NewStorage(storage.NewUserStore(issuer)), key}, nil, false)
	log.Fatal(http.ListenAndServe(address, served))
}
