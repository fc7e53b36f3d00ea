-- Put the job of a dead worker back to the head of its queue, unless it has killed too many; once,
-- however often it is called: the record goes in the same step.
--
-- KEYS  1 worker:<id>, 2 deaths:<digest>, 3 queue:<name>, 4 queues
-- ARGV  1 the record as it was read, 2 the element, 3 the queue's name, 4 max_deaths, 5 seconds
--       that the count is kept
-- Returns {'changed'}: the record is another by now; {'requeued', deaths}; or {'poison', deaths},
-- nothing having changed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'changed'}
end
local deaths = (tonumber(redis.call('GET', KEYS[2])) or 0) + 1
if deaths >= tonumber(ARGV[4]) then
  return {'poison', deaths}
end
redis.call('SET', KEYS[2], deaths, 'EX', ARGV[5])
redis.call('SADD', KEYS[4], ARGV[3])
redis.call('LPUSH', KEYS[3], ARGV[2])
redis.call('DEL', KEYS[1])
return {'requeued', deaths}
