package store

import (
	"context"
	"database/sql"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// accounts are those that administrators see.
func accounts(tx *gorm.DB) *gorm.DB {
	return tx.Table("users").Where("deleting_at IS NULL")
}

// accountRow is an account as administrators see it.
type accountRow struct {
	auth.Account
	ToldEmail string
}

func (r accountRow) account() auth.Account {
	r.User = shown(r.User, r.ToldEmail)
	return r.Account
}

// Account returns an account that is not being deleted.
func (s *Store) Account(ctx context.Context, id string) (auth.Account, error) {
	var found accountRow
	err := accounts(s.read.WithContext(ctx)).Where("id = ?", id).Take(&found).Error
	return found.account(), failure(ctx, err, "account")
}

// AccountsAfter lists accounts, the newest first.
func (s *Store) AccountsAfter(ctx context.Context, query auth.AccountQuery) ([]auth.Account, error) {
	tx := accounts(s.read.WithContext(ctx))
	if query.Search != "" {
		part := containing(query.Search)
		// Another issuer's name is stored as it is told, and where ours have theirs is
		// what nobody looks for, see identityKey.
		tx = tx.Where(`CASE WHEN issuer = '' THEN email LIKE @part ESCAPE '!' OR username_lower LIKE @part ESCAPE '!'
			ELSE told_email LIKE @part ESCAPE '!' OR lower(username) LIKE @part ESCAPE '!' END`, sql.Named("part", part))
	}
	if query.Role != "" {
		tx = tx.Where("role = ?", query.Role)
	}
	if query.Suspended != nil {
		tx = tx.Where("(suspended_at IS NOT NULL) = ?", *query.Suspended)
	}
	if after := query.After; after != nil {
		tx = tx.Where("(created_at, id) < (?, ?)", stamp(after.CreatedAt), after.ID)
	}
	var rows []accountRow
	err := tx.Order("created_at DESC, id DESC").Limit(query.Limit).Find(&rows).Error
	page := make([]auth.Account, len(rows))
	for i, row := range rows {
		page[i] = row.account()
	}
	return page, failure(ctx, err, "account")
}

// containing is the pattern of what holds a text, in any case, see lower. It is
// escaped by exclamation marks.
func containing(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(lower(text)) + "%"
}

// ChangeAccount makes a change that an administrator asks for.
func (s *Store) ChangeAccount(ctx context.Context, change auth.AccountChange) (auth.Account, error) {
	var changed auth.Account
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		changed, err = changeAccount(tx, change)
		return err
	})
	return changed, failure(ctx, err, "account")
}

// changeAccount locks both accounts, in the order of their ids, so that of two
// administrators who change each other the second one is told what the first did.
func changeAccount(tx *gorm.DB, change auth.AccountChange) (auth.Account, error) {
	var locked []accountRow
	err := accounts(tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"})).
		Where("id IN ?", []string{change.By, change.ID}).Order("id").Find(&locked).Error
	if err != nil {
		return auth.Account{}, err
	}
	var by, account *accountRow
	for i := range locked {
		if locked[i].ID == change.By {
			by = &locked[i]
		}
		if locked[i].ID == change.ID {
			account = &locked[i]
		}
	}
	switch {
	case by == nil || by.Role != auth.RoleAdmin || by.SuspendedAt != nil:
		return auth.Account{}, problem.Forbidden.New("Only administrators may do this.")
	case account == nil:
		return auth.Account{}, gorm.ErrRecordNotFound
	case account.Issuer != "" && change.Role != nil && *change.Role != account.Role:
		return auth.Account{}, problem.Conflict.New("The role of this account is what its issuer says. Change it there.")
	}
	apply(account, change)
	return account.account(), tx.Table("users").Where("id = ?", account.ID).Updates(map[string]any{
		"role": account.Role, "suspended_at": account.SuspendedAt, "updated_at": account.UpdatedAt,
	}).Error
}

// apply leaves the time of a suspension that stands already.
func apply(account *accountRow, change auth.AccountChange) {
	at := stamp(change.At)
	if change.Role != nil {
		account.Role = *change.Role
	}
	switch {
	case change.Suspended == nil:
	case !*change.Suspended:
		account.SuspendedAt = nil
	case account.SuspendedAt == nil:
		account.SuspendedAt = &at
	}
	account.UpdatedAt = at
}
