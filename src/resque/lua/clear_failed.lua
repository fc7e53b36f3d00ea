-- Remove whole lists of failure records.
--
-- KEYS  1... the lists
-- Returns how many records they had.
local removed = 0
for _, key in ipairs(KEYS) do
  removed = removed + redis.call('LLEN', key)
  redis.call('UNLINK', key)
end
return removed
