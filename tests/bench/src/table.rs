//! The table of figures and budgets.

/// The rows so far.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    what: String,
    budget: String,
    measured: String,
    met: Option<bool>,
}

impl Table {
    /// Adds a figure with a budget, and prints it, since a run takes minutes.
    pub(crate) fn budget(&mut self, what: &str, budget: &str, measured: String, met: bool) {
        println!("{what}: {measured}");
        self.push(what, budget, measured, Some(met));
    }

    /// Adds a figure without a budget.
    pub(crate) fn figure(&mut self, what: &str, measured: String) {
        println!("{what}: {measured}");
        self.push(what, "", measured, None);
    }

    fn push(&mut self, what: &str, budget: &str, measured: String, met: Option<bool>) {
        self.0.push(Row {
            what: what.to_owned(),
            budget: budget.to_owned(),
            measured,
            met,
        });
    }

    /// Prints all rows as Markdown.
    pub(crate) fn print(&self) {
        println!("\n| what | budget | measured | |\n|---|---|---|---|");
        for row in &self.0 {
            let met = match row.met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "",
            };
            println!(
                "| {} | {} | {} | {met} |",
                row.what, row.budget, row.measured
            );
        }
    }
}
