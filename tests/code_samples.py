"""A small file of each language that is split by its syntax, and what it defines."""

SAMPLES = {
    "python": (
        "a.py",
        '''"""Doc of all."""
import os

LIMIT = 3


@cached
async def load(path: str) -> int:
    """Read it."""
    return os.stat(path).st_size


class Store(Base):
    """Keeps things."""

    size = 1

    # how many
    def count(self):
        return len(self.rows)
''',
        [
            ("module", "a", (1, 4), "Doc of all.", ()),
            ("function", "load", (7, 10), "Read it.", ("stat",)),
            ("class", "Store", (13, 20), "Keeps things.", ()),
            ("method", "Store.count", (18, 20), "how many", ("len",)),
        ],
    ),
    "javascript": (
        "a.js",
        """// What it is.
import x from 'y';

/** Adds. */
export function add(a, b) { return sum(a, b); }

export const half = (a) => {
  return divide(a, 2);
};

class Shape extends Base {
  // Its area.
  area() { return new Area(this); }
  side = () => { width(); };
}

Shape.prototype.turn = function () { this.rotate(); };
module.exports.go = function () { start(); };
""",
        [
            ("module", "a", (1, 2), "What it is.", ()),
            ("function", "add", (4, 5), "Adds.", ("sum",)),
            ("function", "half", (7, 9), "", ("divide",)),
            ("class", "Shape", (11, 15), "", ()),
            ("method", "Shape.area", (12, 13), "Its area.", ("Area",)),
            ("method", "Shape.side", (14, 14), "", ("width",)),
            ("method", "Shape.turn", (17, 17), "", ("rotate",)),
            ("function", "go", (18, 18), "", ("start",)),
        ],
    ),
    "typescript": (
        "a.tsx",
        """/** A point. */
export interface Point { x: number; }

enum Colour { Red }

namespace geo {
  export function far(p: Point): boolean { return dist(p) > 1; }
}

export abstract class Shape<T> {
  private make = async (n: number): Promise<T> => { await build(n); };

  area(): number { return <Area p={this.p} />.size(); }
}
""",
        [
            ("class", "Point", (1, 2), "A point.", ()),
            ("class", "Colour", (4, 4), "", ()),
            ("module", "geo", (6, 8), "", ()),
            ("function", "geo.far", (7, 7), "", ("dist",)),
            ("class", "Shape", (10, 14), "", ()),
            ("method", "Shape.make", (11, 11), "", ("build",)),
            ("method", "Shape.area", (13, 13), "", ("size",)),
        ],
    ),
    "go": (
        "a.go",
        """package main

import "fmt"

// Store keeps rows.
type Store struct {
	rows int
}

// Count tells how many.
func (s *Store) Count() int { return len(s.rows) }

func main() { fmt.Println(New().Count()) }
""",
        [
            ("module", "a", (1, 3), "", ()),
            ("class", "Store", (5, 8), "Store keeps rows.", ()),
            ("method", "Store.Count", (10, 11), "Count tells how many.", ("len",)),
            ("function", "main", (13, 13), "", ("Println", "Count", "New")),
        ],
    ),
    "rust": (
        "a.rs",
        """//! The crate.
use std::fs;

/// A store.
#[derive(Debug)]
pub struct Store<T> { rows: Vec<T> }

impl<T> Store<T> {
    /// How many.
    pub fn count(&self) -> usize { self.rows.len() }
}

mod inner {
    fn go() { println!("x"); Vec::<u8>::new(); }
}
""",
        [
            ("module", "a", (1, 2), "The crate.", ()),
            ("class", "Store", (4, 6), "A store.", ()),
            ("class", "Store", (8, 11), "", ()),
            ("method", "Store.count", (9, 10), "How many.", ("len",)),
            ("module", "inner", (13, 15), "", ()),
            ("function", "inner.go", (14, 14), "", ("println", "new")),
        ],
    ),
    "java": (
        "A.java",
        """package a;

/** A store. */
@Entity
public class Store extends Base {
    private int rows;

    /** How many. */
    public int count(List<String> of) throws Problem { return of.size() + new Extra<Integer>().all(); }

    Store() { super(); }
}
""",
        [
            ("module", "A", (1, 1), "", ()),
            ("class", "Store", (3, 12), "A store.", ()),
            ("method", "Store.count", (8, 9), "How many.", ("size", "Extra", "all")),
            ("method", "Store.Store", (11, 11), "", ()),
        ],
    ),
    "c": (
        "a.c",
        """#include <stdio.h>
#define TWICE(x) ((x) * 2)

/* A point. */
typedef struct point { int x; } point_t;

// Adds.
static int *add(int a, const char *b)
{
    return sum(a, table->find(b));
}
""",
        [
            ("module", "a", (1, 1), "", ()),
            ("function", "TWICE", (2, 2), "", ()),
            ("class", "point", (4, 5), "A point.", ()),
            ("function", "add", (7, 11), "Adds.", ("sum", "find")),
        ],
    ),
    "cpp": (
        "a.cpp",
        """#include "a.h"

namespace geo {
/// A shape.
template <typename T> class Shape : public Base {
 public:
  double area() const { return w * std::max<int>(h, 1); }
};

bool Shape::operator==(const Shape& o) { return same(o); }
std::vector<int> Shape::sides(int n) { return {n}; }
}  // namespace geo
""",
        [
            ("module", "a", (1, 1), "", ()),
            ("module", "geo", (3, 12), "", ()),
            ("class", "geo.Shape", (4, 8), "A shape.", ()),
            ("method", "geo.Shape.area", (7, 7), "", ("max",)),
            ("method", "geo.Shape.operator==", (10, 10), "", ("same",)),
            ("method", "geo.Shape.sides", (11, 11), "", ()),
        ],
    ),
    "bash": (
        "a.sh",
        """#!/bin/bash
# Builds it.
set -e

# Cleans up.
clean() {
  rm -rf build && git clean
}
function go-on { apt-get update; }
clean
""",
        [
            ("module", "a", (1, 3), "Builds it.", ("set",)),
            ("function", "clean", (5, 8), "Cleans up.", ("rm", "git")),
            ("function", "go-on", (9, 9), "", ("apt-get",)),
            ("block", "a", (10, 10), "", ("clean",)),
        ],
    ),
    "sql": (
        "a.sql",
        """-- People.
CREATE TABLE app.people (id INT PRIMARY KEY, name TEXT);

CREATE VIEW grown AS SELECT upper(name) FROM people WHERE age > 17;

INSERT INTO people VALUES (1, 'Ann');
""",
        [
            ("class", "app.people", (1, 2), "People.", ()),
            ("class", "grown", (4, 4), "", ("upper",)),
            ("module", "a", (6, 6), "", ()),
        ],
    ),
    "css": (
        "a.css",
        "/* The head. */\nheader > h1 { color: red; }\n\n@media print {\n  p { margin: 0; }\n}\n"
        + ".x { top: 0; }\n" * 30,
        [("section", "header > h1", (1, 28), "The head.", ()), ("section", ".x", (29, 36), "", ())],
    ),
    "json": (
        "a.json",
        '{\n  "name": "x",\n  "size": {"a": 1},\n  "all": [\n' + "    1,\n" * 100 + "    2\n  ]\n}\n",
        [("section", "name", (2, 3), "", ()), ("section", "all", (4, 106), "", ())],
    ),
    "yaml": (
        "a.yaml",
        "# Runs.\non: push\njobs:\n  test:\n" + "    - run: make test\n" * 30,
        [("section", "on", (1, 2), "Runs.", ()), ("section", "jobs", (3, 34), "", ())],
    ),
    "toml": (
        "a.toml",
        'title = "x"\n\n# Lints.\n[tool.ruff]\nwidth = 120\n\n[[bin]]\nname = "' + "y" * 400 + '"\n',
        [
            ("module", "a", (1, 1), "", ()),
            ("section", "tool.ruff", (3, 5), "Lints.", ()),
            ("section", "bin", (7, 8), "", ()),
        ],
    ),
}
