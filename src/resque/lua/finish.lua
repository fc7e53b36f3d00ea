-- Count the job in hand as processed and clear its record, once however often it is called.
--
-- KEYS  1 worker:<id>, 2 stat:processed, 3 stat:processed:<id>, 4 stat:failed, 5 stat:failed:<id>
-- ARGV  1 the job's number, 2 1 if it has reported a failure itself, else 0
--
-- A job's number is what its worker had processed before it. Beyond that, it is finished already,
-- and the record is another job's.
local processed = tonumber(redis.call('GET', KEYS[3]) or 0) or 0
if processed <= tonumber(ARGV[1]) and redis.call('DEL', KEYS[1]) == 1 then
  redis.call('INCRBY', KEYS[2], 1)
  redis.call('INCRBY', KEYS[3], 1)
  if ARGV[2] == '1' then
    redis.call('INCRBY', KEYS[4], 1)
    redis.call('INCRBY', KEYS[5], 1)
  end
end
