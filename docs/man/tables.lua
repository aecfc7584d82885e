-- Gives manual pages the form that those of systemd have. Each table becomes a definition list: a name or a message stands in a line
-- of its own. No word is divided at the end of a line, so a name that is looked for is found. In the Markdown the tables
-- stay tables, which a forge shows best.

-- A line does not end behind `\-`, and what is copied from a terminal is this character.
local function name(text)
  local parts = pandoc.List()
  local from = 1
  for at in text:gmatch("()-") do
    if at > from then parts:insert(pandoc.Str(text:sub(from, at - 1))) end
    parts:insert(pandoc.RawInline("man", "\\-"))
    from = at + 1
  end
  if from <= #text then parts:insert(pandoc.Str(text:sub(from))) end
  return parts
end

local function is_name(cell)
  return cell[1] and (cell[1].t == "Code" or cell[1].t == "Emph" or cell[1].t == "Strong")
end

local function inlines(cell)
  return pandoc.List(pandoc.utils.blocks_to_inlines(cell))
end

-- What is not a name goes on with the sentence that the head of the column begins.
local function term(head, cell)
  if is_name(cell) then return cell end
  return head .. { pandoc.Space() } .. cell
end

-- A table of two columns needs no heads: a manual page's section says what its names are.
local function definition(heads, cells)
  if #cells == 2 then return cells[2] end
  local lines = pandoc.List()
  for column = 2, #cells do
    if #cells[column] > 0 then
      if #lines > 0 then lines:insert(pandoc.RawInline("man", "\n.br\n")) end
      lines = lines .. heads[column] .. { pandoc.Str(":"), pandoc.Space() } .. cells[column]
    end
  end
  return lines
end

local function definitions(found)
  local simple = pandoc.utils.to_simple_table(found)
  local heads = pandoc.List(simple.headers):map(inlines)
  return pandoc.DefinitionList(pandoc.List(simple.rows):map(function(row)
    local cells = pandoc.List(row):map(inlines)
    return { term(heads[1], cells[1]), { { pandoc.Plain(definition(heads, cells)) } } }
  end))
end

-- Neither words are divided nor lines stretched.
local function plain_lines(document)
  document.blocks:insert(1, pandoc.RawBlock("man", ".nh\n.ad l"))
  return document
end

return {
  { Table = definitions },
  { Str = function(word) return name(word.text) end },
  { Code = function(code) return pandoc.Strong(name(code.text)) end },
  { Pandoc = plain_lines },
}
