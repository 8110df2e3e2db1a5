//! The parts of a dashboard, in Grafana's JSON model.

use serde_json::{Value, json};

/// Columns of Grafana's grid.
pub(super) const COLUMNS: u64 = 24;

/// What a number is, in Grafana's terms.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Count,
    PerSecond,
    Seconds,
    /// 0 to 1.
    Share,
    Bytes,
    Cores,
}

impl Unit {
    fn id(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "reqps",
            Self::Seconds => "s",
            Self::Share => "percentunit",
            Self::Bytes => "bytes",
            Self::Cores => "none",
        }
    }
}

/// One panel; its place is found when the dashboard is laid out.
pub(super) struct Panel {
    kind: &'static str,
    title: &'static str,
    help: &'static str,
    unit: Unit,
    width: u64,
    height: u64,
    targets: Vec<Value>,
    thresholds: Vec<(f64, &'static str)>,
    custom: Value,
    options: Value,
    overrides: Vec<Value>,
    transformations: Vec<Value>,
    limits: (Option<f64>, Option<f64>),
}

impl Panel {
    fn new(kind: &'static str, title: &'static str, unit: Unit) -> Self {
        Self {
            kind,
            title,
            help: "",
            unit,
            width: 8,
            height: 8,
            targets: Vec::new(),
            thresholds: Vec::new(),
            custom: json!({}),
            options: json!({}),
            overrides: Vec::new(),
            transformations: Vec::new(),
            limits: (None, None),
        }
    }

    /// Lines over time.
    pub(super) fn graph(title: &'static str, unit: Unit) -> Self {
        let mut panel = Self::new("timeseries", title, unit);
        panel.custom = json!({
            "drawStyle": "line",
            "fillOpacity": 10,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": false,
            "stacking": {"group": "A", "mode": "none"},
            "thresholdsStyle": {"mode": "off"},
        });
        panel.options = json!({
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["mean", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        });
        panel.limits.0 = Some(0.0);
        panel
    }

    /// One number, with its recent past behind it.
    pub(super) fn number(title: &'static str, unit: Unit) -> Self {
        let mut panel = Self::new("stat", title, unit);
        (panel.width, panel.height) = (4, 4);
        panel.options = json!({
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "textMode": "auto",
        });
        panel
    }

    /// How many answers took how long, as colours.
    pub(super) fn heatmap(title: &'static str) -> Self {
        let mut panel = Self::new("heatmap", title, Unit::Seconds);
        panel.options = json!({
            "calculate": false,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Turbo", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": false},
            "exemplars": {"color": "rgba(255,255,255,0.8)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": true},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "yHistogram": true},
            "yAxis": {"axisPlacement": "left", "unit": "s"},
        });
        panel
    }

    /// A row of numbers for each value of the queries' label.
    pub(super) fn table(title: &'static str) -> Self {
        let mut panel = Self::new("table", title, Unit::Count);
        panel.options = json!({"showHeader": true, "cellHeight": "sm"});
        panel.transformations = vec![
            json!({"id": "merge", "options": {}}),
            json!({"id": "organize", "options": {"excludeByName": {"Time": true}}}),
        ];
        panel
    }

    /// Log lines, from Elasticsearch.
    pub(super) fn logs(title: &'static str, query: &str) -> Self {
        let mut panel = Self::new("logs", title, Unit::Count);
        panel.options = json!({
            "dedupStrategy": "none", "enableLogDetails": true, "prettifyLogMessage": false,
            "showTime": true, "sortOrder": "Descending", "wrapLogMessage": true,
        });
        panel.targets.push(json!({
            "refId": "A",
            "datasource": {"type": "elasticsearch", "uid": "elasticsearch"},
            "query": query,
            "timeField": "@timestamp",
            "metrics": [{"id": "1", "type": "logs", "settings": {"limit": "200"}}],
            "bucketAggs": [],
        }));
        panel
    }

    /// Recent traces, from Jaeger.
    pub(super) fn traces(title: &'static str, service: &str) -> Self {
        let mut panel = Self::new("table", title, Unit::Count);
        panel.options = json!({"showHeader": true, "cellHeight": "sm"});
        panel.targets.push(json!({
            "refId": "A",
            "datasource": {"type": "jaeger", "uid": "jaeger"},
            "queryType": "search",
            "service": service,
            "limit": 50,
        }));
        panel
    }

    /// A query, and what its lines are called.
    pub(super) fn query(mut self, expression: &str, legend: &str) -> Self {
        let id = ["A", "B", "C", "D", "E", "F", "G", "H"][self.targets.len() % 8];
        let mut target = json!({
            "refId": id,
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "expr": expression,
            "legendFormat": legend,
            "range": true,
        });
        match self.kind {
            "table" => {
                target["format"] = "table".into();
                target["instant"] = true.into();
                target["range"] = false.into();
            }
            "heatmap" => target["format"] = "heatmap".into(),
            _ => {}
        }
        self.targets.push(target);
        self
    }

    /// Shows the trace ids that Prometheus keeps beside the last query's series.
    pub(super) fn exemplars(mut self) -> Self {
        if let Some(target) = self.targets.last_mut() {
            target["exemplar"] = true.into();
        }
        self
    }

    /// What a person needs to know to read it.
    pub(super) fn help(mut self, text: &'static str) -> Self {
        self.help = text;
        self
    }

    pub(super) fn size(mut self, width: u64, height: u64) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Areas on top of each other, which make a whole.
    pub(super) fn stacked(mut self) -> Self {
        self.custom["stacking"]["mode"] = "normal".into();
        self.custom["fillOpacity"] = 40.into();
        self
    }

    /// From these values on, this colour; green below.
    pub(super) fn thresholds(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = steps.to_vec();
        if self.kind == "timeseries" {
            self.custom["thresholdsStyle"]["mode"] = "dashed".into();
        }
        self
    }

    /// Good is more: red below the first value, then these colours.
    pub(super) fn red_below(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = [(f64::NEG_INFINITY, "red")]
            .into_iter()
            .chain(steps.iter().copied())
            .collect();
        self
    }

    /// The series' name rather than its value.
    pub(super) fn named(mut self) -> Self {
        self.options["textMode"] = "name".into();
        self.options["graphMode"] = "none".into();
        self
    }

    /// The largest value that there can be.
    pub(super) fn up_to(mut self, most: f64) -> Self {
        self.limits.1 = Some(most);
        self
    }

    /// What a query's column is called, and its unit.
    pub(super) fn column(mut self, query: &str, name: &str, unit: Unit) -> Self {
        self.overrides.push(json!({
            "matcher": {"id": "byName", "options": format!("Value #{query}")},
            "properties": [
                {"id": "displayName", "value": name},
                {"id": "unit", "value": unit.id()},
                {"id": "decimals", "value": 3},
            ],
        }));
        self
    }

    pub(super) fn width(&self) -> u64 {
        self.width
    }

    pub(super) fn height(&self) -> u64 {
        self.height
    }

    /// The panel at its place.
    pub(super) fn at(self, id: u64, x: u64, y: u64) -> Value {
        let first = match self.thresholds.first() {
            Some((value, colour)) if value.is_infinite() => colour,
            _ => "green",
        };
        let mut steps = vec![json!({"color": first, "value": null})];
        let finite = self
            .thresholds
            .iter()
            .filter(|(value, _)| value.is_finite());
        steps.extend(finite.map(|(value, colour)| json!({"color": colour, "value": value})));
        let colour = match (self.kind, self.thresholds.is_empty()) {
            ("stat", false) => "thresholds",
            ("stat", true) => "fixed",
            _ => "palette-classic",
        };
        let mut defaults = json!({
            "unit": self.unit.id(),
            "color": {"mode": colour},
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom": self.custom,
        });
        if colour == "fixed" {
            defaults["color"]["fixedColor"] = "text".into();
        }
        for (name, limit) in [("min", self.limits.0), ("max", self.limits.1)] {
            if let Some(limit) = limit {
                defaults[name] = limit.into();
            }
        }
        let source = self
            .targets
            .first()
            .map_or(Value::Null, |target| target["datasource"].clone());
        let mut panel = json!({
            "id": id,
            "type": self.kind,
            "title": self.title,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "datasource": source,
            "targets": self.targets,
            "fieldConfig": {"defaults": defaults, "overrides": self.overrides},
            "options": self.options,
        });
        if !self.help.is_empty() {
            panel["description"] = self.help.into();
        }
        if !self.transformations.is_empty() {
            panel["transformations"] = self.transformations.into();
        }
        panel
    }
}
