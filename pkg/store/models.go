package store

import (
	"context"

	"dreamchat/pkg/chat"
)

// Models returns the whole catalogue, ordered by id.
func (s *Store) Models(ctx context.Context) ([]chat.Model, error) {
	var catalogue []chat.Model
	err := s.read.WithContext(ctx).Table("ai_models").Order("id").Find(&catalogue).Error
	return catalogue, failure(ctx, err, "model")
}
