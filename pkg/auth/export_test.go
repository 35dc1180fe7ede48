package auth

// Occupy takes one of the turns to hash, as a password that is being hashed
// does, until release is called.
func (p *Passwords) Occupy() (release func()) {
	p.turns <- struct{}{}
	return func() { <-p.turns }
}
