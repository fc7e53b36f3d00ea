-- Write a failure record, and count it where Ruby Resque does.
--
-- KEYS  1 failed, 2... counters
-- ARGV  1 the record
redis.call('RPUSH', KEYS[1], ARGV[1])
for place = 2, #KEYS do
  redis.call('INCRBY', KEYS[place], 1)
end
