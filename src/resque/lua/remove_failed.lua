-- Remove failure records that are still what they were when they were read.
--
-- KEYS  1 the list
-- ARGV  1 what no record is, 2... of each record: index, bytes
-- Returns for each 1 if it was removed, 0 if it was not there.
--
-- One alone is looked for in the whole list if it is not at its index. Several are not: that
-- would hold up the server.
local removed, marked = {}, 0
for place = 2, #ARGV, 2 do
  local index, record = ARGV[place], ARGV[place + 1]
  if redis.call('LINDEX', KEYS[1], index) ~= record then
    index = #ARGV == 3 and redis.call('LPOS', KEYS[1], record)
  end
  if index then
    redis.call('LSET', KEYS[1], index, ARGV[1])
    marked = marked + 1
  end
  removed[place / 2] = index and 1 or 0
end
if marked > 0 then
  -- From the end that is nearer.
  local is_late = 2 * tonumber(ARGV[2]) > redis.call('LLEN', KEYS[1])
  redis.call('LREM', KEYS[1], is_late and -marked or marked, ARGV[1])
end
return removed
