-- Put the jobs of failure records into their queues again, and say so in the records, where these
-- are still what they were when they were read.
--
-- KEYS  1 the list, 2 queues, 3... queue:<name> of each record
-- ARGV  of each record: index, bytes, bytes with retried_at, queue, element
-- Returns for each 1 if it was requeued, 0 if it was not there.
--
-- One alone is looked for in the whole list if it is not at its index. Several are not: that
-- would hold up the server.
local requeued = {}
for number = 1, #KEYS - 2 do
  local index, record, retried, queue, element = unpack(ARGV, 5 * number - 4, 5 * number)
  if redis.call('LINDEX', KEYS[1], index) ~= record then
    index = #KEYS == 3 and redis.call('LPOS', KEYS[1], record)
  end
  if index then
    redis.call('LSET', KEYS[1], index, retried)
    redis.call('SADD', KEYS[2], queue)
    redis.call('RPUSH', KEYS[2 + number], element)
  end
  requeued[number] = index and 1 or 0
end
return requeued
