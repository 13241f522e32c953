-- wrk's side of the cross-check: sends the request in the file that its argument names; each
-- {nnnnnnnn} becomes a number of its own.

local parts = {}
local number = 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   local rest = file:read("*a")
   file:close()
   while true do
      local from, to = rest:find("{nnnnnnnn}", 1, true)
      if not from then
         break
      end
      parts[#parts + 1] = rest:sub(1, from - 1)
      rest = rest:sub(to + 1)
   end
   parts[#parts + 1] = rest
end

function request()
   number = number + 1
   return table.concat(parts, string.format("%010d", number))
end
