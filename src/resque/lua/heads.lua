-- Tell how many elements each queue has, and by a mark whether its first is the one of a former look.
--
-- KEYS  the queues
-- ARGV  1 bytes of an element's beginning, and as many of its end, that go into its mark
-- Returns for each queue two values: its length, or nil if the key is no list; the mark, or nil if
-- nothing lies there. Elements may be large, and stay on the server.
local found = {}
for _, key in ipairs(KEYS) do
  local size, mark = redis.pcall('LLEN', key), false
  if type(size) == 'table' then
    if not string.find(size.err, 'WRONGTYPE', 1, true) then
      return size
    end
    size = false
  elseif size > 0 then
    local part, head = tonumber(ARGV[1]), redis.call('LINDEX', key, 0)
    if #head > 2 * part then
      head = #head .. ':' .. head:sub(1, part) .. head:sub(-part)
    end
    mark = redis.sha1hex(head)
  end
  found[#found + 1], found[#found + 2] = size, mark
end
return found
