package limit

import "github.com/redis/go-redis/v9"

// A count is stored as the time, in microseconds, at which all of its quota is
// there again; none is stored while it is.

// take moves that time of each count by the interval in which one comes back, if
// none of them comes to lie further ahead than a whole quota. It replies, for
// each, with how far ahead it was before and with how long to wait for one.
//
//nolint:gochecknoglobals // a constant, with its hash
var take = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ends, reply, fits = {}, {}, true
for i, key in ipairs(KEYS) do
  local interval, quota = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local full = math.max(tonumber(redis.call('GET', key) or now), now)
  local wait = math.max(full + interval - now - interval * quota, 0)
  ends[i] = full + interval
  reply[2 * i - 1], reply[2 * i] = full - now, wait
  if wait > 0 then fits = false end
end
if fits then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', ends[i]), 'PX', math.ceil((ends[i] - now) / 1000))
  end
end
for i = 1, #KEYS do
  if fits then reply[2 * i - 1] = ends[i] - now end
end
return reply
`)

// give moves the time back.
//
//nolint:gochecknoglobals // a constant, with its hash
var give = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i, key in ipairs(KEYS) do
  local full = tonumber(redis.call('GET', key) or now) - tonumber(ARGV[2 * i - 1])
  if full > now then
    redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
  else
    redis.call('DEL', key)
  end
end
return ''
`)

// The slots of a user are a sorted set: their names by when their leases end, in
// milliseconds.

// enter takes a slot; it replies with an Entry.
//
//nolint:gochecknoglobals // a constant, with its hash
var enter = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 2 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// keep lets each slot's lease begin anew. The last argument is the lease.
//
//nolint:gochecknoglobals // a constant, with its hash
var keep = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = ARGV[#ARGV]
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + lease, ARGV[i])
  redis.call('PEXPIRE', key, lease)
end
return ''
`)

// leave frees slots.
//
//nolint:gochecknoglobals // a constant, with its hash
var leave = redis.NewScript(`
for i, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[i]) end
return ''
`)
