package auth_test

import (
	"testing"

	"dreamchat/pkg/auth"
)

func TestIdentitiesThatCameLastAreRemembered(t *testing.T) {
	t.Parallel()
	const most = 20_000
	if kept, last := auth.Remember(5 * most); kept > most || kept < most/2 || !last {
		t.Errorf("%d of %d are remembered, the last one: %t", kept, 5*most, last)
	}
}
