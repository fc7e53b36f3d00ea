-- Finish the job in hand, if there is one; take the next, and write down in the same step who has
-- it: a kill at any moment leaves a job in its queue or in its worker's record.
--
-- KEYS  1 worker:<id>, 2 pause-all-workers, 3 stat:processed, 4 stat:processed:<id>,
--       5... queue:<name> in order of priority
-- ARGV  1 run_at, 2 number of the job that is done, or nothing,
--       3... the queues' names as JSON, as many as there are queue keys; then, perhaps, 'watch':
--       what has no job is read, for a connection that the server tells of changes of what it reads
-- Returns {'job', number, place of the queue, element}, {'held', number, record}, {'paused'}, or
-- nil: nothing.

-- A job's number is what its worker had processed before it. Beyond that, it is finished already
-- (by a call of ours whose reply was lost), and the record is the next job's.
local number = tonumber(redis.call('GET', KEYS[4]) or 0) or 0
local held
if ARGV[2] ~= '' and number <= tonumber(ARGV[2]) and redis.call('DEL', KEYS[1]) == 1 then
  redis.call('INCRBY', KEYS[3], 1)
  number = redis.call('INCRBY', KEYS[4], 1)
else
  -- Left by a call of ours whose reply was lost on the way: that job is still ours.
  held = redis.call('GET', KEYS[1])
end
if held then
  return {'held', number, held}
end

local pause = redis.call('GET', KEYS[2])
if pause and string.lower(pause):match('^%s*(.-)%s*$') == 'true' then
  return {'paused'}
end

local function is_utf8(text)
  if not text:find('[\128-\255]') then
    return true
  end
  -- A space for each well-formed character, so that what was apart does not come together.
  text = text:gsub('[\194-\223][\128-\191]', ' ')
  text = text:gsub('\224[\160-\191][\128-\191]', ' ')
  text = text:gsub('\237[\128-\159][\128-\191]', ' ')
  text = text:gsub('[\225-\236\238\239][\128-\191][\128-\191]', ' ')
  text = text:gsub('\240[\144-\191][\128-\191][\128-\191]', ' ')
  text = text:gsub('[\241-\243][\128-\191][\128-\191][\128-\191]', ' ')
  text = text:gsub('\244[\128-\143][\128-\191][\128-\191]', ' ')
  return not text:find('[\128-\255]')
end

-- cjson takes more than JSON: numbers such as 01, 1., -.5, +1, 0x1f and NaN, control characters in
-- strings, and anything behind a NUL.
local function is_json(text)
  if text:find('%z') or not pcall(cjson.decode, text) then
    return false
  end
  -- Without its strings; the quotes of a string that holds a control character stay.
  local bare = text:gsub('\\.', ''):gsub('"[^"%z\1-\31]*"', '')
  return not (bare:find('["xXiI]') or bare:find('[nN][aA]') or bare:find('%.[^%d]')
    or bare:find('-.', 1, true) or bare:find('[%s:,%[]%+') or bare:find('[%s:,%[]%-?0%d'))
end

-- The record must be JSON for whoever reads it, whatever lay in the queue. An object goes in as
-- it is: through cjson, [] would become {} and large integers would be rounded.
local function as_json(element)
  if not is_utf8(element) then
    return cjson.encode((element:gsub('[\128-\255]', '?')))
  end
  if element:find('^%s*{') and is_json(element) then
    return element
  end
  return cjson.encode(element)
end

for place = 5, #KEYS do
  local element = redis.call('LPOP', KEYS[place])
  if element then
    redis.call('SET', KEYS[1], '{"queue":' .. ARGV[place - 2] .. ',"run_at":"' .. ARGV[1]
      .. '","payload":' .. as_json(element) .. '}')
    return {'job', number, place - 4, element}
  end
end
if ARGV[#KEYS - 1] == 'watch' then
  -- LPOP is a write, and the server remembers who has read.
  for place = 5, #KEYS do
    redis.call('LLEN', KEYS[place])
  end
end
return nil
