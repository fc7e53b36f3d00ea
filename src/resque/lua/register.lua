-- Make a worker known, heartbeat included, so that no other ever sees half of it.
--
-- KEYS  1 workers, 2 worker:<id>:started, 3 workers:heartbeat
-- ARGV  1 id, 2 started, 3 heartbeat
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
