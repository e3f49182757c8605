-- Weir in Neovim (0.7 and newer). Put this file into `~/.config/nvim/plugin/`, or `dofile` it.

local M = {}

-- Files.
vim.cmd([[
  augroup weir
    autocmd!
    autocmd BufRead,BufNewFile *.flow setfiletype flow
    autocmd FileType flow setlocal commentstring=//\ %s shiftwidth=2 softtabstop=2 expandtab
  augroup END
]])

-- What the lenses above flows and tests start: `weir …` in a terminal below.
local function run(command)
  local told = (command.arguments or {})[1] or {}
  local words = { "weir" }
  for _, word in ipairs(told.args or {}) do
    table.insert(words, vim.fn.shellescape(word))
  end
  vim.cmd("botright 12new")
  vim.fn.termopen(table.concat(words, " "))
end

vim.lsp.commands = vim.lsp.commands or {}
for _, name in ipairs({ "weir.run", "weir.dryRun", "weir.graph", "weir.test" }) do
  vim.lsp.commands[name] = run
end

-- The project is the nearest folder upwards with a `weir.toml`, else the file's own.
local function root(path)
  local folder = vim.fn.fnamemodify(path, ":p:h")
  local found = vim.fn.findfile("weir.toml", folder .. ";")
  return found ~= "" and vim.fn.fnamemodify(found, ":p:h") or folder
end

-- One server for each project.
local clients = {}

function M.attach(buffer)
  local folder = root(vim.api.nvim_buf_get_name(buffer))
  if not clients[folder] or vim.lsp.client_is_stopped(clients[folder]) then
    local capabilities = vim.lsp.protocol.make_client_capabilities()
    clients[folder] = vim.lsp.start_client({
      name = "weir",
      cmd = vim.g.weir_command or { "weir", "lsp" },
      root_dir = folder,
      workspace_folders = { { uri = vim.uri_from_fname(folder), name = folder } },
      capabilities = capabilities,
    })
  end
  if clients[folder] then
    vim.lsp.buf_attach_client(buffer, clients[folder])
    vim.api.nvim_buf_set_option(buffer, "omnifunc", "v:lua.vim.lsp.omnifunc")
  end
end

vim.cmd([[autocmd weir FileType flow lua require("vim.lsp"); _G.weir_attach(tonumber(vim.fn.expand("<abuf>")))]])
_G.weir_attach = M.attach

return M
