{% macro rows(items, n) %}
{% for row in items | batch(n) %}
  {{ row | join(", ") }},
{% endfor %}
{% endmacro %}
{% macro table(values) %}
{% for row in values %}
{
{{ rows(row, 6) -}}
},
{% endfor %}
{% endmacro %}
// {{ about.pipeline }} {{ about.model }}, {{ variant }}: the bytes of {{ file }}, made by `har export`.
// In: float32 x, y, z in m/s2 (Android's sign), oldest first; model.json says the rest.
{% if about.align %}
// The samples must be turned first: README.md says how.
{% endif %}
// Out, float32: {{ "output(HAR_PROBABILITIES) and output(HAR_FEATURES)" if about.features else "probabilities" }}.
// Operators to register: {{ operators | join(", ") }}.
#ifndef HAR_MODEL_H
#define HAR_MODEL_H

#define HAR_RATE_HZ {{ about.rate_hz }}f
#define HAR_N_RAW {{ about.n_raw }}
#define HAR_HOP {{ about.window.hop_samples }}
#define HAR_N_ACTIVITIES {{ activities | length }}
{% if about.features %}
#define HAR_PROBABILITIES 0
#define HAR_FEATURES 1
#define HAR_N_FEATURES {{ about.features.shape[1] }}
{% endif %}
#define HAR_N_GOLDEN {{ windows | length }}
#define HAR_MODEL_LENGTH {{ content | length }}u

static const char *const har_activities[HAR_N_ACTIVITIES] = { {{- activities | join(", ") -}} };

__attribute__((aligned(16)))
static const unsigned char har_model[HAR_MODEL_LENGTH] = {
{{ rows(content, 24) -}}
};

// Windows, and what this model says of them; int8 may differ in the last step of 1/256.
static const float har_golden_windows[HAR_N_GOLDEN][HAR_N_RAW * 3] = {
{{ table(windows) -}}
};
static const float har_golden_probabilities[HAR_N_GOLDEN][HAR_N_ACTIVITIES] = {
{{ table(probabilities) -}}
};

#endif
