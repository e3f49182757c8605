-- A session in a real Neovim, with the configuration that we hand out: a flow is typed letter by letter, every state is
-- asked about, and in the end nothing is wrong. Run by `scripts/test-editors`; `WEIR` is the program.

local folder = vim.fn.tempname()
vim.fn.mkdir(folder .. "/flows", "p")
vim.fn.writefile({ "[project]", 'name = "neovim"', 'flows = ["flows"]' }, folder .. "/weir.toml")
vim.fn.writefile({ "/// A person.", "type Lead = { name: string, score: int }" }, folder .. "/flows/kinds.flow")

local function fail(message)
  io.stderr:write("neovim: " .. message .. "\n")
  vim.cmd("cquit 1")
end

local function main()
  -- The cursor may stand behind the last letter, as it does while one types.
  vim.o.virtualedit = "onemore"
  vim.g.weir_command = { vim.env.WEIR, "lsp" }
  dofile("editors/neovim/weir.lua")
  local file = folder .. "/flows/main.flow"
  vim.cmd("edit " .. file)
  local buffer = vim.api.nvim_get_current_buf()
  assert(vim.bo.filetype == "flow", "the file type is " .. vim.bo.filetype)

  local ready = vim.wait(20000, function()
    local client = (vim.lsp.buf_get_clients(buffer) or {})[next(vim.lsp.buf_get_clients(buffer))]
    return client ~= nil and client.initialized
  end, 20)
  assert(ready, "the server did not start")

  local function ask(method, extra)
    local params = vim.tbl_extend("force", vim.lsp.util.make_position_params(), extra or {})
    local answers, why = vim.lsp.buf_request_sync(buffer, method, params, 20000)
    assert(answers, method .. " was not answered: " .. tostring(why))
    local _, answer = next(answers)
    assert(answer and not answer.error, method .. ": " .. vim.inspect(answer and answer.error))
    return answer.result
  end

  local function errors()
    return vim.diagnostic.get(buffer)
  end

  -- Letter by letter; each state is answered.
  local text = table.concat({
    "use kinds.{Lead}",
    "",
    "/// The best of them.",
    "transformer best(leads: [Lead]) -> Lead? {",
    "  return sort(leads, by: lead => -lead.score) |> first()",
    "}",
    "",
  }, "\n")
  local row, column, seen = 0, 0, 0
  for at = 1, #text do
    local letter = text:sub(at, at)
    if letter == "\n" then
      vim.api.nvim_buf_set_text(buffer, row, column, row, column, { "", "" })
      row, column = row + 1, 0
    else
      vim.api.nvim_buf_set_text(buffer, row, column, row, column, { letter })
      column = column + 1
    end
    vim.api.nvim_win_set_cursor(0, { row + 1, column })
    local offered = ask("textDocument/completion", { context = { triggerKind = 1 } })
    assert(type(offered.items) == "table", "no list of completions")
    if text:sub(1, at):match("lead%.$") then
      local labels = vim.tbl_map(function(item) return item.label end, offered.items)
      assert(vim.tbl_contains(labels, "score"), "`score` is missing from " .. vim.inspect(labels))
    end
    seen = seen + #errors()
    ask("textDocument/hover")
  end

  assert(vim.wait(20000, function() return #errors() == 0 end, 20), "not clean: " .. vim.inspect(errors()))

  -- A mistake comes, is told, and goes.
  vim.api.nvim_buf_set_text(buffer, 4, 2, 4, 8, { "retrun" })
  assert(vim.wait(20000, function() return #errors() > 0 end, 20), "a mistake was not told")
  vim.api.nvim_buf_set_text(buffer, 4, 2, 4, 8, { "return" })
  assert(vim.wait(20000, function() return #errors() == 0 end, 20), "not clean again")

  -- Hover, definition in another file, rename, formatting.
  vim.api.nvim_win_set_cursor(0, { 4, 25 })
  local hover = ask("textDocument/hover")
  assert(hover.contents.value:match("A person"), vim.inspect(hover))
  local place = ask("textDocument/definition")
  assert(place.uri:match("kinds%.flow$"), vim.inspect(place))
  local edit = ask("textDocument/rename", { newName = "Person" })
  vim.lsp.util.apply_workspace_edit(edit, "utf-16")
  local renamed = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
  assert(renamed:match("best%(leads: %[Person%]%) %-> Person%?"), renamed)
  assert(vim.wait(20000, function() return #errors() == 0 end, 20), "not clean after renaming")
  vim.api.nvim_buf_set_lines(buffer, 4, 5, false, { "return    sort(leads,by:lead=>-lead.score)|>first()" })
  local edits = ask("textDocument/formatting", { options = { tabSize = 2, insertSpaces = true } })
  vim.lsp.util.apply_text_edits(edits, buffer, "utf-16")
  local line = vim.api.nvim_buf_get_lines(buffer, 4, 5, false)[1]
  assert(line == "  return sort(leads, by: lead => -lead.score) |> first()", line)

  vim.lsp.stop_client(vim.lsp.get_active_clients())
  io.stdout:write("neovim: a flow typed in " .. #text .. " steps, " .. seen .. " mistakes told on the way, clean at the end\n")
end

local fine, why = xpcall(main, debug.traceback)
if not fine then
  fail(why)
end
vim.cmd("qall!")
