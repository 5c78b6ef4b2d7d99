"""The specs and the terms of the demo's datasets. Values only.

Real Kansas data is named for who made it; what is made up says so in its title.
"""

from __future__ import annotations

from typing import Any

#: Theme by a word of the slug; the last one fits every slug.
THEMES = {
    "counties": "boundaries",
    "wells": "water",
    "springs": "water",
    "levels": "water",
    "nests": "wildlife",
    "": "transportation",
}
KANSAS = [-102.06, 36.98, -94.58, 40.01]
CENSUS_TERMS = (
    "LicenseRef-US-Government-Work",
    "US Census Bureau",
    "US Census Bureau cartographic boundaries",
    "https://www.census.gov/about/policies/open-gov/open-data.html",
)
AIRPORT_TERMS = (
    "MIT",
    "The airportsdata contributors",
    "airportsdata (MIT)",
    "https://github.com/mborsetti/airportsdata",
)


def spec_of(  # noqa: PLR0913 - a spec's parts
    slug: str,
    title: str,
    description: str,
    terms: tuple[str, str, str, str],
    checks: list[dict[str, Any]],
    fields: dict[str, str],
) -> dict[str, Any]:
    """A dataset spec of design §4."""
    license_, holder, attribution, uri = terms
    return {
        "kfm_spec_version": "v1",
        "dataset_slug": slug,
        "title": title,
        "description": description,
        "themes": [next(theme for word, theme in THEMES.items() if word in slug)],
        "keywords": ["Kansas"],
        "upstream": {
            "authority": holder,
            "access_method": "file_upload",
            "endpoints": [{"name": "home", "url": uri}],
            "cadence": "irregular",
            "terms": {"license": license_, "rights_holder": holder, "attribution": attribution, "terms_uri": uri},
        },
        "sensitivity": {"policy_label_intent": "public", "obligations": []},
        "normalization": {"canonical_fields": fields, "units": {}, "crs": "EPSG:4326"},
        "validation": {"schema": f"contracts/schemas/{slug}.schema.json", "checks": checks},
        "outputs": [
            {"artifact_type": "geoparquet", "path": f"data/processed/{slug}/<dataset_version_id>/{slug}.parquet"}
        ],
        "extent": {"bbox": KANSAS},
    }


COUNTIES = spec_of(
    "us_census_ks_counties",
    "Kansas county boundaries",
    "The 105 counties of Kansas as polygons, from the US Census Bureau.",
    CENSUS_TERMS,
    [
        {"name": "row_count", "operator": "==", "threshold": 105},
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "required_fields_present", "operator": ">=", "threshold": 1.0, "fields": ["geoid", "name"]},
        {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["geoid"]},
        {
            "name": "within_extent",
            "operator": ">=",
            "threshold": 1.0,
            "parameters": {"bbox": KANSAS},
        },
    ],
    {
        "geoid": "upstream.geoid",
        "name": "upstream.name",
        "state_fips": "upstream.state_fips",
        "geometry": "derived.geometry",
    },
)
COUNTIES_WITH_AREA = COUNTIES | {
    "normalization": COUNTIES["normalization"]
    | {"canonical_fields": COUNTIES["normalization"]["canonical_fields"] | {"area_km2": "upstream.area_km2"}}
}
AIRPORTS = spec_of(
    "airportsdata_ks_airports",
    "Kansas airports",
    "Airports and airstrips in Kansas from the airportsdata table.",
    AIRPORT_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "required_fields_present", "operator": ">=", "threshold": 0.99, "fields": ["icao", "iata"]},
    ],
    {
        "icao": "upstream.icao",
        "iata": "upstream.iata",
        "name": "upstream.name",
        "city": "upstream.city",
        "elevation_ft": "upstream.elevation_ft",
        "geometry": "derived.from_latlon",
    },
)
ELEVATIONS = spec_of(
    "airportsdata_ks_airport_elevations",
    "Kansas airports with their elevation",
    "The airports of Kansas and their elevation in feet, from the airportsdata table, as a zipped shapefile.",
    AIRPORT_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["icao"]},
        {"name": "null_rate", "operator": "<=", "threshold": 0.05, "field": "elevation_ft"},
    ],
    {
        "icao": "upstream.icao",
        "name": "upstream.name",
        "elevation_ft": "upstream.elev_ft",
        "geometry": "derived.geometry",
    },
)

SYNTHETIC_TERMS = (
    "CC-BY-4.0",
    "KFM Console's demo",
    "KFM Console's demo: made-up data",
    "https://creativecommons.org/licenses/by/4.0/",
)
TERMS_FIRST = """Made-up data for trying the KFM Console. It describes nothing that exists.
Licence: Creative Commons Attribution 4.0 International.
Anyone may copy and change it, and must name the source.
"""
TERMS_CHANGED = """Made-up data for trying the KFM Console. It describes nothing that exists.
Licence: Creative Commons Attribution 4.0 International.
Anyone may copy and change it for teaching, and must name the source.
Whoever publishes it tells us within thirty days.
"""
SPRINGS = spec_of(
    "demo_synthetic_springs",
    "Synthetic springs (made up)",
    "Springs that do not exist, for trying the console: terms that change, and places that are too exact.",
    SYNTHETIC_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "value_range", "operator": ">=", "threshold": 1.0, "field": "flow_l_s", "min": 0, "max": 50},
    ],
    {"spring_id": "upstream.spring_id", "flow_l_s": "upstream.flow_l_s", "geometry": "derived.from_latlon"},
)
WELLS = spec_of(
    "demo_synthetic_wells",
    "Synthetic wells (made up)",
    "Wells that do not exist, of several years, for trying the console: checks, thresholds and the quarantine inbox.",
    SYNTHETIC_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "required_fields_present", "operator": ">=", "threshold": 1.0, "fields": ["well_id", "drilled"]},
        {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["well_id"]},
        {"name": "within_extent", "operator": ">=", "threshold": 0.95, "parameters": {"bbox": KANSAS}},
        {"name": "value_range", "operator": ">=", "threshold": 0.9, "field": "depth_m", "min": 1, "max": 300},
        {"name": "null_rate", "operator": "<=", "threshold": 0.1, "field": "depth_m"},
        {"name": "row_growth", "operator": "<=", "threshold": 0.2, "severity": "warn"},
    ],
    {
        "well_id": "upstream.well_id",
        "drilled": "upstream.drilled",
        "depth_m": "upstream.depth_m",
        "use": "upstream.use",
        "remarks": "upstream.remarks",
        "geometry": "derived.from_latlon",
    },
)
NESTS = spec_of(
    "demo_synthetic_nests",
    "Synthetic owl nests (made up)",
    "Nests that do not exist, for trying the console: what a label lets the public see of exact places and of people.",
    SYNTHETIC_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["nest_id"]},
        {"name": "value_range", "operator": ">=", "threshold": 1.0, "field": "young", "min": 0, "max": 12},
    ],
    {
        "nest_id": "upstream.nest_id",
        "seen": "upstream.seen",
        "young": "upstream.young",
        "finder": "upstream.finder",
        "geometry": "derived.from_latlon",
    },
) | {
    "sensitivity": {
        "policy_label_intent": "public_generalized",
        "obligations": [
            {"type": "generalize_geometry", "min_cell_size_m": 10_000},
            {"type": "generalize_time", "resolution": "month"},
            {"type": "remove_attributes", "fields": ["finder"]},
            {"type": "show_notice", "message": "Each nest is shown at the middle of a square of 10 km."},
        ],
    }
}
LEVELS = spec_of(
    "demo_synthetic_levels",
    "Synthetic groundwater levels (made up)",
    "Levels of wells that do not exist, for trying the console: an embargo that ends on a day.",
    SYNTHETIC_TERMS,
    [
        {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
        {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["gauge_id"]},
        {"name": "value_range", "operator": ">=", "threshold": 1.0, "field": "depth_m", "min": 0, "max": 200},
    ],
    {"gauge_id": "upstream.gauge_id", "depth_m": "upstream.depth_m", "geometry": "derived.from_latlon"},
)
