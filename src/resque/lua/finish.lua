-- Count the job in hand as processed and clear its record, once however often it is called.
--
-- KEYS  1 worker:<id>, 2 stat:processed, 3 stat:processed:<id>
if redis.call('DEL', KEYS[1]) == 1 then
  redis.call('INCRBY', KEYS[2], 1)
  redis.call('INCRBY', KEYS[3], 1)
end
