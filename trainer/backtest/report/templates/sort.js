// A table can be sorted by each column; without this script it stands in the order of its first one.
// No "less than" and no "and" sign in here: the page is XML, too.
function key(row, column) {
  const cell = row.cells[column];
  const value = cell.dataset.value;
  return value === undefined ? cell.textContent.trim() : value === "" ? null : Number(value);
}

function compare(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  return typeof one === "number" ? one - other : one.localeCompare(other);
}

function sort(heading) {
  const column = heading.cellIndex;
  const body = heading.closest("table").tBodies[0];
  const before = heading.getAttribute("aria-sort");
  const first = heading.dataset.first || "ascending";
  const order = before === null ? first : before === "ascending" ? "descending" : "ascending";
  const sign = order === "ascending" ? 1 : -1;
  const rows = Array.from(body.rows, (row) => [key(row, column), row]);
  rows.sort(([one], [other]) => (one === null || other === null ? 1 : sign) * compare(one, other));
  for (const cell of heading.parentNode.cells) cell.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  body.append(...rows.map(([, row]) => row));
}

for (const heading of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.append(...heading.childNodes);
  button.title = "Sort by this column";
  button.addEventListener("click", () => sort(heading));
  heading.append(button);
}
