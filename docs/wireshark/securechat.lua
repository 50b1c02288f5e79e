-- securechat, protocol version 1, for Wireshark and tshark: what stands outside the seal.
-- Layouts: docs/protocol.md, "Datagrams". How to use it: README.md beside this file.

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
}
for _, field in pairs(f) do
  table.insert(securechat.fields, field)
end

local with_cookie = ProtoExpert.new("securechat.with_cookie", "Repeated with a cookie",
  expert.group.SEQUENCE, expert.severity.CHAT)
securechat.experts = { with_cookie }

-- Whether a datagram has one of the four forms. Zeros stand where the forms have zeros.
local function kind_of(buffer)
  local len = buffer:len()
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
    buffer(4, 4):le_uint(), tostring(buffer(8, 8):le_uint64()), len)
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
