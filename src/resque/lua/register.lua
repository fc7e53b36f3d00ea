-- Make a worker known, or known again, with a heartbeat of this moment; and see whether it is to look
-- for dead workers: one does, for as long as the lock lasts.
--
-- KEYS  1 workers, 2 worker:<id>:started, 3 workers:heartbeat, 4 workers:deaths_allowed,
--       5 pruning_dead_workers_in_progress
-- ARGV  1 id, 2 started, 3 its zone, as +05:30, 4 max_deaths, or nothing,
--       5 seconds of the lock, or nothing: it is not asked for
-- Returns, if the lock is now this worker's, {now, the heartbeats, the ids}; else nil.
local now = redis.call('TIME')[1]

-- As Ruby writes it; the date from the days since 1970, in years that begin in March
-- (Hinnant, "chrono-compatible low-level date algorithms").
local function heartbeat(epoch, zone)
  local sign, hours, minutes = zone:match('^([+-])(%d%d):(%d%d)$')
  local ahead = hours * 3600 + minutes * 60
  local seconds = epoch + (sign == '-' and -ahead or ahead)
  local floor = math.floor
  local days = floor(seconds / 86400) + 719468
  local era = floor(days / 146097)
  days = days - era * 146097
  local year = floor((days - floor(days / 1460) + floor(days / 36524) - floor(days / 146096)) / 365)
  days = days - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * days + 2) / 153)
  local day = days - floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  year = year + era * 400 + (month < 3 and 1 or 0)
  local time = seconds % 86400
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d%s', year, month, day,
    floor(time / 3600), floor(time % 3600 / 60), time % 60, zone)
end

redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[1], heartbeat(tonumber(now), ARGV[3]))
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[1], ARGV[4])
end
if ARGV[5] == '' or not redis.call('SET', KEYS[5], ARGV[1], 'EX', ARGV[5], 'NX') then
  return nil
end
return {tonumber(now), redis.call('HGETALL', KEYS[3]), redis.call('SMEMBERS', KEYS[1])}
