-- securechat, protocol version 1, for Wireshark and tshark: what stands outside the seal and, with a key log
-- (--trace-keys), what is inside. Layouts: docs/protocol.md, "Datagrams", "Frames" and "Messages". How to use it:
-- README.md beside this file.

local securechat = Proto("securechat", "securechat 1")

local types = { [1] = "INIT", [2] = "RESP", [3] = "COOKIE", [4] = "DATA" }
-- Length of a whole datagram by type; DATA has none of its own.
local lengths = { [1] = 700, [2] = 608, [3] = 64 }
local DATA_SHORTEST, DATA_LONGEST, TAG = 32, 1472, 16

local f = {
  kind = ProtoField.uint8("securechat.type", "Type", base.DEC, types),
  part = ProtoField.uint8("securechat.part", "Part"),
  version = ProtoField.uint16("securechat.version", "Version"),
  sender = ProtoField.uint32("securechat.sender", "Sender (session index)", base.HEX),
  receiver = ProtoField.uint32("securechat.receiver", "Receiver (session index)", base.HEX),
  counter = ProtoField.uint64("securechat.counter", "Counter"),
  message = ProtoField.bytes("securechat.message", "Part of a handshake message"),
  mac1 = ProtoField.bytes("securechat.mac1", "mac1"),
  mac2 = ProtoField.bytes("securechat.mac2", "mac2"),
  nonce = ProtoField.bytes("securechat.nonce", "Nonce"),
  cookie = ProtoField.bytes("securechat.cookie", "Sealed cookie"),
  sealed = ProtoField.bytes("securechat.sealed", "Sealed packet"),
  sealed_len = ProtoField.uint32("securechat.sealed.len", "Length of the sealed packet, padding included"),
  tag = ProtoField.bytes("securechat.tag", "Tag"),
  -- Inside the seal.
  opened = ProtoField.string("securechat.opened", "Opened with"),
  number = ProtoField.uint64("securechat.number", "Packet number"),
  frame = ProtoField.string("securechat.frame", "Frame"),
  padding = ProtoField.uint32("securechat.padding", "Padding, bytes"),
  ack_largest = ProtoField.uint64("securechat.ack.largest", "Largest acknowledged"),
  ack_delay = ProtoField.uint64("securechat.ack.delay", "Delay, microseconds"),
  ack_range = ProtoField.string("securechat.ack.range", "Acknowledged"),
  nickname = ProtoField.string("securechat.hello.nickname", "Nickname"),
  signing_key = ProtoField.bytes("securechat.hello.signing_key", "Signing key"),
  capabilities = ProtoField.uint64("securechat.hello.capabilities", "Capabilities", base.HEX),
  code = ProtoField.uint64("securechat.code", "Code"),
  stream = ProtoField.uint64("securechat.stream", "Stream"),
  offset = ProtoField.uint64("securechat.stream.offset", "Offset"),
  data = ProtoField.bytes("securechat.stream.data", "Data"),
  limit = ProtoField.uint64("securechat.limit", "Limit"),
  log = ProtoField.uint64("securechat.log", "Log id", base.HEX),
  sequence = ProtoField.uint64("securechat.sequence", "Sequence"),
  sent_at = ProtoField.uint64("securechat.sent_at", "Sent at, ms since 1970"),
  text = ProtoField.string("securechat.text", "Text", base.UNICODE),
  low = ProtoField.uint64("securechat.receipt.low", "First received"),
  more = ProtoField.uint64("securechat.receipt.more", "And so many after it"),
  reason = ProtoField.uint64("securechat.reason", "Reason"),
  token = ProtoField.bytes("securechat.token", "Token"),
  step = ProtoField.uint8("securechat.verify.step", "Step", base.DEC,
    { [0] = "ASK", [1] = "ANSWER", [2] = "REVEAL", [3] = "VERDICT" }),
  body = ProtoField.bytes("securechat.body", "Body"),
}
for _, field in pairs(f) do
  table.insert(securechat.fields, field)
end

local with_cookie = ProtoExpert.new("securechat.with_cookie", "Repeated with a cookie",
  expert.group.SEQUENCE, expert.severity.CHAT)
local wrong_tag = ProtoExpert.new("securechat.wrong_tag", "The key log has keys for this receiver, and none opens it",
  expert.group.DECRYPTION, expert.severity.WARN)
local bad_frame = ProtoExpert.new("securechat.bad_frame", "Not a frame of version 1",
  expert.group.MALFORMED, expert.severity.ERROR)
securechat.experts = { with_cookie, wrong_tag, bad_frame }

securechat.prefs.key_log = Pref.string("Key log", "", "The file that --trace-keys has written")

-- ChaCha20-Poly1305 (RFC 8439), since Wireshark's Lua has no cipher that checks a tag. A nonce is four zero bytes and the
-- counter, there is no associated data.

local WORD = 2 ^ 32
local bxor, rotl
if bit32 then
  bxor, rotl = bit32.bxor, bit32.lrotate
elseif bit then
  bxor, rotl = bit.bxor, bit.rol
else
  -- Lua 5.3 and later; older ones cannot read these signs.
  bxor = load("return function(a, b) return a ~ b end")()
  rotl = load("return function(a, n) a = a & 0xffffffff; return ((a << n) | (a >> (32 - n))) & 0xffffffff end")()
end
-- Some of these libraries have words with a sign.
local function add(a, b) return math.floor((a + b) % WORD) end

local function quarter(x, a, b, c, d)
  x[a] = add(x[a], x[b]); x[d] = rotl(bxor(x[d], x[a]), 16)
  x[c] = add(x[c], x[d]); x[b] = rotl(bxor(x[b], x[c]), 12)
  x[a] = add(x[a], x[b]); x[d] = rotl(bxor(x[d], x[a]), 8)
  x[c] = add(x[c], x[d]); x[b] = rotl(bxor(x[b], x[c]), 7)
end

-- The bytes from `at` (1 is the first) as a little-endian word.
local function word(bytes, at)
  return bytes[at] + bytes[at + 1] * 256 + bytes[at + 2] * 65536 + bytes[at + 3] * 16777216
end

-- Block `number` of the key stream, as 64 bytes. `key`, `counter`: 32 and 8 bytes.
local function block(key, counter, number)
  local start = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }
  for i = 0, 7 do start[5 + i] = word(key, 1 + 4 * i) end
  start[13], start[14] = number, 0
  start[15], start[16] = word(counter, 1), word(counter, 5)
  local x = {}
  for i = 1, 16 do x[i] = start[i] end
  for _ = 1, 10 do
    quarter(x, 1, 5, 9, 13); quarter(x, 2, 6, 10, 14); quarter(x, 3, 7, 11, 15); quarter(x, 4, 8, 12, 16)
    quarter(x, 1, 6, 11, 16); quarter(x, 2, 7, 12, 13); quarter(x, 3, 8, 9, 14); quarter(x, 4, 5, 10, 15)
  end
  local out = {}
  for i = 1, 16 do
    local sum = add(x[i], start[i])
    for j = 1, 4 do
      out[4 * i - 4 + j] = sum % 256
      sum = math.floor(sum / 256)
    end
  end
  return out
end

-- Numbers below 2^132 as six limbs of 22 bits, so that no sum of products reaches 2^53.
local LIMB = 2 ^ 22

local function limbs(bytes, from, len, top)
  local out, held, bits, at = { 0, 0, 0, 0, 0, 0 }, 0, 0, 1
  for i = 0, len do
    local byte = i < len and bytes[from + i] or top
    held = held + byte * 2 ^ bits
    bits = bits + 8
    if bits >= 22 then
      out[at], held, bits, at = held % LIMB, math.floor(held / LIMB), bits - 22, at + 1
    end
  end
  if at <= 6 then out[at] = out[at] + held end
  return out
end

local function carry(h)
  for _ = 1, 2 do
    local over = 0
    for i = 1, 6 do
      local sum = h[i] + over
      h[i], over = sum % LIMB, math.floor(sum / LIMB)
    end
    h[1] = h[1] + over * 20 -- 2^132 = 4 * 2^130, and 2^130 is 5.
  end
end

local function multiply(h, r)
  local out = {}
  for i = 1, 6 do
    local sum = 0
    for j = 1, 6 do
      local k = i - j + 1
      sum = sum + (k >= 1 and h[j] * r[k] or h[j] * r[k + 6] * 20)
    end
    out[i] = sum
  end
  carry(out)
  return out
end

-- The tag of these bytes of ciphertext.
local function poly1305(one_time, bytes, len)
  local r = {}
  for i = 1, 16 do r[i] = one_time[i] end
  for _, i in ipairs { 4, 8, 12, 16 } do r[i] = r[i] % 16 end
  for _, i in ipairs { 5, 9, 13 } do r[i] = r[i] - r[i] % 4 end
  r = limbs(r, 1, 16, 0)
  local h = { 0, 0, 0, 0, 0, 0 }
  local function absorb(part, from)
    local n = limbs(part, from, 16, 1)
    for i = 1, 6 do h[i] = h[i] + n[i] end
    h = multiply(h, r)
  end
  for at = 1, len, 16 do
    local part = {}
    for i = 0, 15 do part[i + 1] = at + i <= len and bytes[at + i] or 0 end
    absorb(part, 1)
  end
  local lengths = {}
  for i = 1, 16 do lengths[i] = 0 end
  lengths[9], lengths[10], lengths[11] = len % 256, math.floor(len / 256) % 256, math.floor(len / 65536)
  absorb(lengths, 1)
  -- Below 2^130 - 5: what lies above 2^130 counts five times, and then once more if adding five reaches 2^130.
  local TOP = 2 ^ 20
  for _ = 1, 2 do
    local above = math.floor(h[6] / TOP)
    h[6], h[1] = h[6] % TOP, h[1] + above * 5
    carry(h)
  end
  local g, over = {}, 5
  for i = 1, 6 do
    local sum = h[i] + over
    g[i], over = sum % LIMB, math.floor(sum / LIMB)
  end
  if g[6] >= TOP then
    g[6] = g[6] % TOP
    h = g
  end
  local tag, held, bits, at, over_byte = {}, 0, 0, 1, 0
  for i = 1, 16 do
    while bits < 8 and at <= 6 do
      held, bits, at = held + h[at] * 2 ^ bits, bits + 22, at + 1
    end
    local sum = held % 256 + one_time[16 + i] + over_byte
    held, bits = math.floor(held / 256), bits - 8
    tag[i], over_byte = sum % 256, math.floor(sum / 256)
  end
  return tag
end

-- The plaintext as a string; nil if the tag is wrong. `sealed`: ciphertext and tag.
local function open(key, counter, sealed)
  local len = #sealed - TAG
  local bytes = { sealed:byte(1, len) }
  local tag = poly1305(block(key, counter, 0), bytes, len)
  for i = 1, TAG do
    if sealed:byte(len + i) ~= tag[i] then return nil end
  end
  local out = {}
  for at = 1, len, 64 do
    local stream = block(key, counter, (at + 63) / 64)
    for i = 1, math.min(64, len - at + 1) do
      out[at + i - 1] = string.char(math.floor(bxor(bytes[at + i - 1], stream[i]) % 256))
    end
  end
  return table.concat(out)
end

-- The keys by receiver. Two programs may draw the same index, and one again: each key is tried.
local keys = {}
-- What was said of a file last; Wireshark asks for the keys more than once.
local complaint

local function read_keys()
  keys = {}
  local path = securechat.prefs.key_log
  if path == nil or path == "" then return end
  local file, problem = io.open(path, "r")
  if file == nil then
    if problem ~= complaint then report_failure("securechat: " .. tostring(problem)) end
    complaint = problem
    return
  end
  complaint = nil
  for line in file:lines() do
    local direction, receiver, hex = line:match("^DATA_(%u+) (%x+) (%x+)%s*$")
    if direction ~= nil and #receiver == 8 and #hex == 64 then
      local key = {}
      for pair in hex:gmatch("%x%x") do key[#key + 1] = tonumber(pair, 16) end
      receiver = tonumber(receiver, 16)
      keys[receiver] = keys[receiver] or {}
      table.insert(keys[receiver], { name = "DATA_" .. direction, bytes = key })
    end
  end
  file:close()
end

securechat.init = read_keys
securechat.prefs_changed = read_keys

-- Frames. A reader knows where it is and refuses to go beyond the end, which ends the packet.

local Reader = {}
Reader.__index = Reader
local SHORT = {}

function Reader.new(tvb) return setmetatable({ tvb = tvb, at = 0 }, Reader) end
function Reader:left() return self.tvb:len() - self.at end

function Reader:take(len)
  if len > self:left() then error(SHORT) end
  local from = self.at
  self.at = from + len
  if len == 0 then return nil end
  return self.tvb(from, len)
end

-- Its range, and its value as a number; what is above 2^53 is shown by the range alone.
function Reader:varint()
  if self:left() < 1 then error(SHORT) end
  local first = self.tvb(self.at, 1):uint()
  local len = 2 ^ math.floor(first / 64)
  local range = self:take(len)
  local value = first % 64
  for i = 1, len - 1 do value = value * 256 + range(i, 1):uint() end
  return range, value
end

function Reader:add(tree, field)
  local range, value = self:varint()
  tree:add(field, range, UInt64.new(value % WORD, math.floor(value / WORD)))
  return value
end

-- What follows its own length.
function Reader:counted()
  local _, len = self:varint()
  return self:take(len), len
end

-- The same of a frame that is never empty.
function Reader:body()
  local range = self:counted()
  if range == nil then error(SHORT) end
  return range
end

-- A message that stands whole at the beginning of these bytes of the chat, and how long it is; nil if none does.
local function message(range, tree)
  if range == nil then return nil end
  local reader = Reader.new(range:tvb())
  local is_one, len = pcall(function()
    local _, len = reader:varint()
    if len > reader:left() or len < 26 then error(SHORT) end
    local kind, names = reader:take(1):uint(), reader:take(1):uint()
    if kind % 128 ~= 1 or names ~= 0 then error(SHORT) end
    local is_here = kind == 1
    local body = reader.at + 24
    local total = reader.at - 2 + len
    local part = tree:add(range(0, total), is_here and "Message" or "Message, its text on a stream of its own")
    part:add_le(f.log, reader:take(8))
    part:add_le(f.sequence, reader:take(8))
    part:add_le(f.sent_at, reader:take(8))
    if is_here and total > body then part:add(f.text, range(body, total - body)) end
    return total
  end)
  if is_one then return len end
  return nil
end

local function ack(reader, tree)
  local largest = reader:add(tree, f.ack_largest)
  reader:add(tree, f.ack_delay)
  local _, count = reader:varint()
  local _, first = reader:varint()
  local low = largest - first
  tree:add(f.ack_range, string.format("%.0f to %.0f", low, largest)):set_generated()
  for _ = 1, count do
    local _, gap = reader:varint()
    local _, len = reader:varint()
    local high = low - gap - 2
    low = high - len
    tree:add(f.ack_range, string.format("%.0f to %.0f", low, high)):set_generated()
  end
end

local function hello(reader, tree)
  local inner = Reader.new(reader:body():tvb())
  inner:take(4)
  inner:varint()
  inner:add(tree, f.capabilities)
  tree:add(f.signing_key, inner:take(32))
  local name = inner:counted()
  if name ~= nil then tree:add(f.nickname, name) end
end

local function stream(reader, tree)
  local id = reader:add(tree, f.stream)
  local offset = reader:add(tree, f.offset)
  local range = reader:counted()
  if range ~= nil then tree:add(f.data, range) end
  local at = 0
  while id == 1 and range ~= nil and at < range:len() do
    local len = message(range(at, range:len() - at), tree)
    if len == nil then break end
    at = at + len
  end
  return string.format("stream %.0f from %.0f", id, offset)
end

local function receipt(reader, tree)
  local inner = Reader.new(reader:body():tvb())
  tree:add_le(f.log, inner:take(8))
  inner:add(tree, f.low)
  inner:add(tree, f.more)
end

local function reject(reader, tree)
  local inner = Reader.new(reader:body():tvb())
  tree:add_le(f.log, inner:take(8))
  inner:add(tree, f.sequence)
  inner:add(tree, f.reason)
end

local function verify(reader, tree)
  local range = reader:body()
  tree:add(f.step, range(0, 1))
  tree:add(f.body, range)
end

local function numbers(...)
  local names = { ... }
  return function(reader, tree)
    for _, name in ipairs(names) do reader:add(tree, f[name]) end
  end
end

local function close(reader, tree)
  reader:add(tree, f.code)
  reader:counted()
end

local function token(reader, tree) tree:add(f.token, reader:take(8)) end

local frames = {
  [0x01] = { "PING", function() end },
  [0x02] = { "ACK", ack },
  [0x03] = { "HELLO", hello },
  [0x04] = { "CLOSE", close },
  [0x06] = { "STREAM", stream },
  [0x07] = { "STREAM, the last", stream },
  [0x08] = { "RESET", numbers("stream", "code", "offset") },
  [0x09] = { "STOP", numbers("stream", "code") },
  [0x0a] = { "MAX_DATA", numbers("limit") },
  [0x0b] = { "MAX_STREAM_DATA", numbers("stream", "limit") },
  [0x0c] = { "MAX_STREAMS", numbers("limit") },
  [0x0d] = { "RECEIPT", receipt },
  [0x0e] = { "REJECT", reject },
  [0x0f] = { "PATH_CHALLENGE", token },
  [0x10] = { "PATH_RESPONSE", token },
  [0x40] = { "VERIFY", verify },
}

local function one_frame(reader, tree)
  local from = reader.at
  local _, kind = reader:varint()
  if kind == 0 then
    while reader:left() > 0 and reader.tvb(reader.at, 1):uint() == 0 do reader.at = reader.at + 1 end
    tree:add(f.padding, reader.tvb(from, reader.at - from), reader.at - from)
    return nil
  end
  local known = frames[kind]
  if known == nil and kind >= 0x42 and kind % 2 == 0 then
    known = { string.format("extension 0x%x", kind), function(inner) inner:counted() end }
  end
  if known == nil then error(SHORT) end
  local part = tree:add(f.frame, reader.tvb(from, 1), known[1])
  local more = known[2](reader, part)
  part:set_len(reader.at - from)
  if more ~= nil then part:append_text(", " .. more) end
  return known[1]
end

-- Shows what was opened; returns the frames' names.
local function plaintext(tvb, tree)
  local reader, names = Reader.new(tvb), {}
  local is_whole, problem = pcall(function()
    reader:add(tree, f.number)
    while reader:left() > 0 do names[#names + 1] = one_frame(reader, tree) end
  end)
  if not is_whole then
    if problem ~= SHORT then error(problem, 0) end
    tree:add_proto_expert_info(bad_frame)
  end
  return table.concat(names, ", ")
end

-- Opens DATA, if its key is known; returns what to add to the summary.
local function opened(buffer, tree)
  local candidates = keys[buffer(4, 4):le_uint()]
  if candidates == nil then return "" end
  local counter = { buffer(8, 8):raw():byte(1, 8) }
  local sealed = buffer(16):raw()
  for _, key in ipairs(candidates) do
    local text = open(key.bytes, counter, sealed)
    if text == "" then
      tree:add(f.opened, key.name):set_generated()
      return ", empty"
    end
    if text ~= nil then
      local tvb = ByteArray.new(text, true):tvb("Opened packet")
      tree:add(f.opened, key.name):set_generated()
      return ": " .. plaintext(tvb, tree)
    end
  end
  tree:add_proto_expert_info(wrong_tag)
  return ""
end

-- Whether a datagram has one of the four forms. Zeros stand where the forms have zeros. One that was cut has none.
local function kind_of(buffer)
  local len = buffer:len()
  if len < buffer:reported_len() then return nil end
  if len < DATA_SHORTEST then return nil end
  local kind, part = buffer(0, 1):uint(), buffer(1, 1):uint()
  if types[kind] == nil then return nil end
  if lengths[kind] ~= nil and lengths[kind] ~= len then return nil end
  if kind == 4 and len > DATA_LONGEST then return nil end
  local second = buffer(2, 2):le_uint()
  if kind == 1 then
    if part > 1 or second == 0 then return nil end
  elseif kind == 2 then
    if part > 1 or second ~= 0 then return nil end
  elseif part ~= 0 or second ~= 0 then
    return nil
  end
  return kind
end

local function init(buffer, tree)
  tree:add(f.part, buffer(1, 1))
  tree:add_le(f.version, buffer(2, 2))
  tree:add_le(f.sender, buffer(4, 4))
  tree:add(f.message, buffer(8, 660))
  tree:add(f.mac1, buffer(668, 16))
  local mac2 = tree:add(f.mac2, buffer(684, 16))
  if buffer(684, 16):bytes():tohex():find("[^0]") then
    mac2:add_proto_expert_info(with_cookie)
  end
  return string.format("INIT part %d, sender 0x%08x", buffer(1, 1):uint(), buffer(4, 4):le_uint())
end

local function resp(buffer, tree)
  tree:add(f.part, buffer(1, 1))
  tree:add_le(f.receiver, buffer(4, 4))
  tree:add(f.message, buffer(8, 584))
  tree:add(f.mac1, buffer(592, 16))
  return string.format("RESP part %d, receiver 0x%08x", buffer(1, 1):uint(), buffer(4, 4):le_uint())
end

local function cookie(buffer, tree)
  tree:add_le(f.receiver, buffer(4, 4))
  tree:add(f.nonce, buffer(8, 24))
  tree:add(f.cookie, buffer(32, 32))
  return string.format("COOKIE, receiver 0x%08x", buffer(4, 4):le_uint())
end

local function data(buffer, tree)
  local len = buffer:len() - DATA_SHORTEST
  tree:add_le(f.receiver, buffer(4, 4))
  tree:add_le(f.counter, buffer(8, 8))
  tree:add(f.sealed_len, len):set_generated()
  if len > 0 then tree:add(f.sealed, buffer(16, len)) end
  tree:add(f.tag, buffer(16 + len, TAG))
  return string.format("DATA, receiver 0x%08x, counter %s, %d bytes sealed",
    buffer(4, 4):le_uint(), tostring(buffer(8, 8):le_uint64()), len) .. opened(buffer, tree)
end

local parts = { [1] = init, [2] = resp, [3] = cookie, [4] = data }

function securechat.dissector(buffer, pinfo, root)
  local kind = kind_of(buffer)
  if kind == nil then return 0 end
  pinfo.cols.protocol = "securechat"
  local tree = root:add(securechat, buffer())
  tree:add(f.kind, buffer(0, 1))
  local info = parts[kind](buffer, tree)
  pinfo.cols.info = info
  tree:append_text(", " .. info)
  return buffer:len()
end

local function by_form(buffer, pinfo, root)
  if kind_of(buffer) == nil then return false end
  return securechat.dissector(buffer, pinfo, root) > 0
end

DissectorTable.get("udp.port"):add(7419, securechat)
securechat:register_heuristic("udp", by_form)
