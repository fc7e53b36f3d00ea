-- Forget a worker.
--
-- KEYS  1 workers, 2 workers:heartbeat, 3 workers:deaths_allowed, 4... its record, start and counters
-- ARGV  1 id
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
for place = 4, #KEYS do
  redis.call('DEL', KEYS[place])
end
