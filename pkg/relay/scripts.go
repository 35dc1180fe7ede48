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

// seize takes the head away and keeps its number, if it is known. Then it replies
// with that and with the entries behind an event. A head that is not there is taken
// too, for somebody may be about to add the first event.
//
//nolint:gochecknoglobals // a constant, with its hash
var seize = redis.NewScript(`
local last = string.match(redis.call('GET', KEYS[1]) or '', '%.(%d+)$')
redis.call('SET', KEYS[1], ARGV[1] .. (last or ''), 'PX', ARGV[2])
if not last then return false end
return {last, redis.call('XRANGE', KEYS[2], ARGV[3], '+')}
`)

// end leaves nothing of a stream but the mark of its end, for all who follow it, and
// a head that keeps others out, if one is given.
//
//nolint:gochecknoglobals // a constant, with its hash
var end = redis.NewScript(`
redis.call('DEL', KEYS[1], KEYS[2])
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
redis.call('XADD', KEYS[2], '18446744073709551615-0', 'end', '')
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PUBLISH', ARGV[4], '')
return ''
`)
