package relay

import "github.com/redis/go-redis/v9"

// add is the compare-and-set by which events are added. It replies with the head
// as it is then. A stream whose head was not ours is begun anew.
//
//nolint:gochecknoglobals // a constant, with its hash
var add = redis.NewScript(`
local head = redis.call('GET', KEYS[1]) or ''
if head ~= ARGV[1] then return head end
if ARGV[8] == '1' then redis.call('DEL', KEYS[2]) end
redis.call('XADD', KEYS[2], 'MINID', ARGV[5], ARGV[3], 'e', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[6])
redis.call('PUBLISH', ARGV[7], '')
return ARGV[2]
`)

// seize takes the head away, if there is one, and replies with the entries behind
// an event.
//
//nolint:gochecknoglobals // a constant, with its hash
var seize = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('XRANGE', KEYS[2], ARGV[3], '+')
`)

// end leaves nothing of a stream but the mark of its end, for those who are behind.
//
//nolint:gochecknoglobals // a constant, with its hash
var end = redis.NewScript(`
redis.call('DEL', KEYS[1])
redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', 'MAXLEN', 1, ARGV[1], 'end', '')
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PUBLISH', ARGV[3], '')
return ''
`)
