//! A strict reader of Prometheus' text exposition format 0.0.4: what it takes, every scraper takes. Stricter than the
//! format where a slip would hide: one HELP and TYPE right before the samples, no sample twice, whole histograms.

use std::collections::BTreeMap;

/// One answer of `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// By name, its type.
    pub(crate) families: BTreeMap<String, String>,
    /// By name and labels as they were written, its value.
    pub(crate) samples: BTreeMap<String, f64>,
}

impl Page {
    /// The value of a sample, which has to be there.
    pub(crate) fn at(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("there is no {sample}"))
    }

    /// The sum over all labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name = |sample: &str| sample.split('{').next() == Some(name);
        self.samples.iter().filter(|(sample, _)| of_name(sample)).map(|(_, value)| value).sum()
    }
}

/// Reads all of it, or says which line is wrong.
pub(crate) fn parse(text: &str) -> Result<Page, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut page = Page::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = comment(line, "# HELP ").ok_or_else(|| format!("no HELP: {line}"))?;
        is_name(name).then_some(()).ok_or_else(|| format!("not a name: {line}"))?;
        (!help.is_empty()).then_some(()).ok_or_else(|| format!("no help: {line}"))?;
        let kind = lines.next().and_then(|line| comment(line, "# TYPE "));
        let kind = kind.filter(|(typed, _)| *typed == name).map(|(_, kind)| kind);
        let kind = kind.ok_or_else(|| format!("no TYPE after the HELP of {name}"))?;
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let sample = sample(line).ok_or_else(|| format!("not a sample: {line}"))?;
            samples.push(sample);
        }
        judge(name, kind, &samples).map_err(|fault| format!("{name}: {fault}"))?;
        if page.families.insert(name.to_owned(), kind.to_owned()).is_some() {
            return Err(format!("{name} stands twice"));
        }
        for sample in samples {
            if page.samples.insert(sample.written.to_owned(), sample.value).is_some() {
                return Err(format!("{} stands twice", sample.written));
            }
        }
    }
    Ok(page)
}

struct Sample<'a> {
    /// Name and labels.
    written: &'a str,
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: f64,
}

/// `# HELP NAME TEXT` and `# TYPE NAME TYPE`.
fn comment<'a>(line: &'a str, beginning: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(beginning)?.split_once(' ')
}

/// `NAME VALUE` or `NAME{LABEL="VALUE",…} VALUE`. Values with escapes are not taken: none is needed here.
fn sample(line: &str) -> Option<Sample<'_>> {
    let (written, value) = line.rsplit_once(' ')?;
    let (name, labels) = match written.split_once('{') {
        None => (written, Vec::new()),
        Some((name, labels)) => {
            let labels = labels.strip_suffix('}')?.split(',').map(label).collect::<Option<Vec<_>>>()?;
            (name, labels)
        }
    };
    let value = match value {
        "+Inf" => f64::INFINITY,
        number if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => number.parse().ok()?,
        _ => return None,
    };
    is_name(name).then_some(Sample { written, name, labels, value })
}

fn label(pair: &str) -> Option<(&str, &str)> {
    let (name, value) = pair.split_once('=')?;
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    let clean =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"{}".contains(&byte));
    (is_name(name) && clean).then_some((name, value))
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn judge(name: &str, kind: &str, samples: &[Sample<'_>]) -> Result<(), String> {
    if samples.is_empty() {
        return Err("no sample".to_owned());
    }
    if kind == "histogram" {
        return judge_histogram(name, samples);
    }
    let all = |good: fn(f64) -> bool| samples.iter().all(|sample| good(sample.value));
    match kind {
        _ if samples.iter().any(|sample| sample.name != name) => Err("a sample of another name".to_owned()),
        "counter" if !name.ends_with("_total") => Err("a counter ends with _total".to_owned()),
        "counter" if !all(|value| value.is_finite() && value.fract() == 0.0) => {
            Err("it counts nothing".to_owned())
        }
        "gauge" if name.ends_with("_total") => Err("a gauge does not end with _total".to_owned()),
        "counter" | "gauge" => Ok(()),
        _ => Err(format!("no such type: {kind}")),
    }
}

/// Buckets in order, each with all that is in those before it; the last is +Inf and says what the count says.
fn judge_histogram(name: &str, samples: &[Sample<'_>]) -> Result<(), String> {
    let [buckets @ .., sum, count] = samples else { return Err("not a histogram".to_owned()) };
    if sum.name != format!("{name}_sum") || count.name != format!("{name}_count") {
        return Err("a histogram ends with its sum and count".to_owned());
    }
    let (mut bound, mut before) = (f64::NEG_INFINITY, 0.0);
    for bucket in buckets {
        let [("le", le)] = bucket.labels[..] else { return Err("a bucket has one label, le".to_owned()) };
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().map_err(|_| format!("le is {le}"))? };
        if bucket.name != format!("{name}_bucket") || le <= bound || bucket.value < before {
            return Err(format!("the bucket up to {le} is out of order"));
        }
        (bound, before) = (le, bucket.value);
    }
    if bound != f64::INFINITY || before != count.value {
        return Err("the last bucket is not the count".to_owned());
    }
    Ok(())
}

/// A reader that takes everything proves nothing.
#[test]
fn what_is_wrong_is_not_taken() {
    let head = "# HELP a_total A.\n# TYPE a_total counter\n";
    let histogram = "# HELP h H.\n# TYPE h histogram\n";
    assert!(parse(&format!("{head}a_total{{x=\"1\",y=\"b-c\"}} 2\na_total 3\n")).is_ok());
    assert!(
        parse(&format!(
            "{histogram}h_bucket{{le=\"1\"}} 2\nh_bucket{{le=\"+Inf\"}} 2\nh_sum 0.5\nh_count 2\n"
        ))
        .is_ok()
    );
    for wrong in [
        "a_total 1\n",
        "# HELP a_total A.\na_total 1\n",
        "# TYPE a_total counter\n# HELP a_total A.\na_total 1\n",
        "# HELP a_total A.\n# TYPE b_total counter\nb_total 1\n",
        "# HELP a_total A.\n# TYPE a_total meter\na_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",
        head,
        &format!("{head}a_total 1"),
        &format!("{head}a_total 1.5\n"),
        &format!("{head}a_total -1\n"),
        &format!("{head}a_total one\n"),
        &format!("{head}a_total\n"),
        &format!("{head}b_total 1\n"),
        &format!("{head}a_total 1\na_total 1\n"),
        &format!("{head}a_total{{}} 1\n"),
        &format!("{head}a_total{{x}} 1\n"),
        &format!("{head}a_total{{x=1}} 1\n"),
        &format!("{head}a_total{{x=\"a b\"}} 1\n"),
        &format!("{head}a_total{{x=\"\"}} 1\n"),
        &format!("{head}a_total{{x=\"1\" 1\n"),
        &format!("{head}a_total 1\n{head}a_total{{x=\"1\"}} 1\n"),
        &format!("{histogram}h_bucket{{le=\"1\"}} 2\nh_sum 0.5\nh_count 2\n"),
        &format!("{histogram}h_bucket{{le=\"1\"}} 3\nh_bucket{{le=\"+Inf\"}} 2\nh_sum 0.5\nh_count 2\n"),
        &format!(
            "{histogram}h_bucket{{le=\"2\"}} 1\nh_bucket{{le=\"1\"}} 2\nh_bucket{{le=\"+Inf\"}} 2\nh_sum 1\nh_count 2\n"
        ),
        &format!("{histogram}h_bucket{{le=\"+Inf\"}} 2\nh_sum 0.5\nh_count 3\n"),
        &format!("{histogram}h_bucket{{le=\"+Inf\"}} 2\nh_count 2\n"),
        &format!("{histogram}h_bucket 2\nh_sum 0.5\nh_count 2\n"),
    ] {
        assert!(parse(wrong).is_err(), "taken: {wrong}");
    }
}
