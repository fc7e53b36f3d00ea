-- Take an id for oneself by its heartbeat, unless somebody else has done so meanwhile.
--
-- KEYS  1 workers:heartbeat
-- ARGV  1 id, 2 its heartbeat as it was seen, or nothing, 3 the new one
-- Returns 1, or 0: it is not what was seen.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
